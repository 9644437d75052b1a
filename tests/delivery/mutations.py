"""The delivery rules, each taken away by itself: what the code would be had nobody thought of that fault."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from secrets import token_urlsafe
from typing import Any

import pytest

from bridge import delivery
from bridge.chat.actions import posting, receiving, remote_ids
from bridge.delivery import composing, failing, lines, planning, reactions, remotes
from bridge.errors import DeliveryFailed
from bridge.models import Connection, Delivery, Endpoint, RemoteMessage
from bridge.services.attempts import Attempt
from bridge.services.base import Service
from bridge.services.requests import React, Request

Mutation = Callable[[pytest.MonkeyPatch], None]


def posts_do_not_wake_their_line(patch: pytest.MonkeyPatch) -> None:
    """Rule 1: delivery and `due` in one transaction with the message."""

    def post_messages(batch: Sequence[posting.Post]) -> list[posting.Result]:
        idle = list(Endpoint.objects.filter(due__isnull=True).values_list("pk", flat=True))
        results = posting.post_messages(batch)
        Endpoint.objects.filter(pk__in=idle).update(due=None)
        return results

    patch.setattr("tests.delivery.machine.post_messages", post_messages)


def whoever_once_held_a_line_goes_on_with_it(patch: pytest.MonkeyPatch) -> None:
    """Rule 2: settled by the holder only."""

    def hold(line: delivery.Line, *, clock: Any) -> tuple[Endpoint, datetime]:
        began = clock.uptime()
        Connection.objects.lock(line.connection_id)
        held = Endpoint.objects.filter(pk=line.endpoint_id)
        held.update(due=clock.now() + lines.CLAIM)
        endpoint = held.select_related("connection__inbox").annotate(now=clock.now()).get()
        line.began = began
        return endpoint, endpoint.now

    patch.setattr(lines, "hold", hold)


def requests_are_written_at_any_time(patch: pytest.MonkeyPatch) -> None:
    """Rule 3: only in the first ten seconds of a claim."""
    patch.setattr(Attempt, "begin", lambda self, *, write: None)


def what_is_sent_is_not_written_down_before(patch: pytest.MonkeyPatch) -> None:
    """Rule 4: the RemoteMessage is committed before the request is written."""
    original = lines.claim

    def claim(*args: Any, **options: Any) -> list[delivery.Line]:
        claimed = original(*args, **options)
        # Whoever takes over knows nothing of what the last one was about.
        for line in claimed:
            RemoteMessage.objects.filter(endpoint=line.endpoint_id, remote_id__isnull=True).delete()
        return claimed

    patch.setattr(delivery, "claim", claim)


def what_may_be_there_is_sent_again_unseen(patch: pytest.MonkeyPatch) -> None:
    """Rule 4: read back before it is repeated."""

    def look_for(lost: RemoteMessage, endpoint: Endpoint, *, service: Service, now: datetime) -> Request:
        return planning._again(lost, endpoint, now=now)

    patch.setattr(planning, "_look_for", look_for)


def a_repeat_has_a_nonce_of_its_own(patch: pytest.MonkeyPatch) -> None:
    """Rule 4: repeated unchanged, nonce included."""
    original = planning._again

    def again(remote: RemoteMessage, endpoint: Endpoint, *, now: datetime) -> Request:
        remote.nonce = token_urlsafe(12)
        remote.save(update_fields=["nonce"])
        return original(remote, endpoint, now=now)

    patch.setattr(planning, "_again", again)


def no_answer_counts_as_not_stored(patch: pytest.MonkeyPatch) -> None:
    """Rule 4: a 5xx or a time-out says nothing about what was stored."""
    original = delivery.fail

    def fail(line: Any, request: Any, failure: DeliveryFailed, **options: Any) -> bool:
        certain = DeliveryFailed(failure.reason, permanent=failure.permanent, certain=True)
        return original(line, request, certain, **options)

    patch.setattr(delivery, "fail", fail)


def a_failed_head_is_overtaken(patch: pytest.MonkeyPatch) -> None:
    """Rule 5: the rest of the line waits."""
    original = planning._waiting

    def waiting(endpoint: Endpoint) -> list[Delivery]:
        found = original(endpoint)
        return found[1:] + found[:1] if endpoint.failures else found

    patch.setattr(planning, "_waiting", waiting)


def an_opening_of_unknown_fate_is_repeated(patch: pytest.MonkeyPatch) -> None:
    """Rule 6: an uncertain opening is looked for."""
    original = remotes.of_unknown_fate

    def of_unknown_fate(endpoint: Endpoint) -> RemoteMessage | None:
        found = original(endpoint)
        return None if found is not None and found.card else found

    patch.setattr(remotes, "of_unknown_fate", of_unknown_fate)


def an_edit_leaves_what_outgrew_its_message(patch: pytest.MonkeyPatch) -> None:
    """Rule 9: an edit sends the present text of the whole."""
    original = planning._difference

    def difference(alive: list[RemoteMessage], *rest: Any, **options: Any) -> Request | None:
        return original(alive[:1], *rest, **options)

    patch.setattr(planning, "_difference", difference)


def what_is_joined_is_settled_one_by_one(patch: pytest.MonkeyPatch) -> None:
    """Rule 9: one remote message settles all that it carries."""
    patch.setattr(planning, "_posts_of", lambda group, endpoint: planning._waiting(endpoint)[:1])
    patch.setattr(remotes, "of_message", _first_only)


def a_reply_goes_with_others(patch: pytest.MonkeyPatch) -> None:
    """Rule 9: only what is plain is joined."""
    patch.setattr(composing, "_is_plain", lambda message: not message.attachments.all())


def our_own_deletions_are_taken_for_staffs(patch: pytest.MonkeyPatch) -> None:
    """Rule 8: Discord tells of what we delete as of what staff delete."""
    original = remote_ids.take_as_deleted

    def take_as_deleted(remote: RemoteMessage, *, deleted_at: datetime) -> None:
        remote.unwanted = False
        original(remote, deleted_at=deleted_at)

    patch.setattr(receiving, "take_as_deleted", take_as_deleted)
    patch.setattr(remote_ids, "take_as_deleted", take_as_deleted)


def what_staff_delete_is_only_noted(patch: pytest.MonkeyPatch) -> None:
    """Rule 8: it goes from the page, and all pieces of it from Discord."""

    def take_as_deleted(remote: RemoteMessage, *, deleted_at: datetime) -> None:
        RemoteMessage.objects.filter(pk=remote.pk).update(deleted_at=deleted_at)

    patch.setattr(receiving, "take_as_deleted", take_as_deleted)
    patch.setattr(remote_ids, "take_as_deleted", take_as_deleted)
    patch.setattr(failing, "take_as_deleted", take_as_deleted)


def _first_only(message: Any, endpoint: Endpoint) -> list[RemoteMessage]:
    ours = RemoteMessage.objects.filter(endpoint=endpoint, ours=True, remote_id__isnull=False)
    return list(ours.filter(parts__message=message, parts__position=0).order_by("pk"))


def a_reaction_is_not_written_down_before(patch: pytest.MonkeyPatch) -> None:
    """Rule 4: what may be there is known before it is asked for."""

    def ask(
        remote: RemoteMessage, endpoint: Endpoint, fates: dict[str, str], emoji: str, *, add: bool
    ) -> React:
        assert endpoint.remote_id is not None
        assert remote.remote_id is not None
        return React(remote.pk, endpoint.remote_id, remote.remote_id, emoji, add)

    patch.setattr(reactions, "_ask", ask)


MUTATIONS: list[Mutation] = [
    posts_do_not_wake_their_line,
    whoever_once_held_a_line_goes_on_with_it,
    requests_are_written_at_any_time,
    what_is_sent_is_not_written_down_before,
    what_may_be_there_is_sent_again_unseen,
    a_repeat_has_a_nonce_of_its_own,
    no_answer_counts_as_not_stored,
    a_failed_head_is_overtaken,
    an_opening_of_unknown_fate_is_repeated,
    an_edit_leaves_what_outgrew_its_message,
    what_is_joined_is_settled_one_by_one,
    a_reply_goes_with_others,
    our_own_deletions_are_taken_for_staffs,
    what_staff_delete_is_only_noted,
    a_reaction_is_not_written_down_before,
]


@contextmanager
def without(mutation: Mutation) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        mutation(patch)
        yield
