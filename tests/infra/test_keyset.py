"""Every list that is read a page at a time shows each row once and in order, whatever comes and goes meanwhile."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.chat import browsing, history, listing
from bridge.chat.browsing import BY_ACTIVITY
from bridge.chat.speaking import Target
from bridge.infra.keyset import Keyset
from bridge.models import Connection, Inbox, Message, Participant
from tests.admin.conftest import staff

__all__ = ["staff"]

ADA = uuid.UUID(int=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
# A few moments, so that many rows share one; two of them next to each other.
MOMENTS = [START, START + timedelta(microseconds=1), START + timedelta(days=1)]
BY_ID = Keyset("id")

Read = tuple[list[int], str | None]
"""The keys of a page, and where the next one begins."""
Door = Callable[[Client, int, str | None], Read]


def activity(staff: Client, limit: int, place: str | None) -> Read:
    after = BY_ACTIVITY.parse(place) if place else None
    page = BY_ACTIVITY.page(Connection.objects.filter(kind="private"), after=after, limit=limit)
    return [row.pk for row in page.rows], str(page.next) if page.next else None


def one_column(staff: Client, limit: int, place: str | None) -> Read:
    after = BY_ID.parse(place) if place else None
    page = BY_ID.page(
        Connection.objects.filter(kind="private"),
        after=after,
        limit=limit,
        among=Connection.objects.all(),
        stretch=2,
    )
    return [row.pk for row in page.rows], str(page.next) if page.next else None


def filtered(staff: Client, limit: int, place: str | None) -> Read:
    page = browsing.conversations(
        kind="private", before=BY_ACTIVITY.parse(place) if place else None, limit=limit
    )
    return [row.pk for row in page.rows], str(page.next) if page.next else None


def own(staff: Client, limit: int, place: str | None) -> Read:
    inbox = Inbox.objects.get(name="default").pk
    before = uuid.UUID(place) if place else None
    page = listing.conversations(ADA, inbox=inbox, before=before, limit=limit)
    uids = [row["uid"] for row in page["connections"]]
    keys = {str(uid): pk for uid, pk in Connection.objects.values_list("uid", "pk")}
    return [keys[uid] for uid in uids], uids[-1] if page["has_more"] else None


def in_admin(staff: Client, limit: int, place: str | None) -> Read:
    admin.site._registry[Connection].list_per_page = limit
    response = staff.get(reverse("admin:bridge_connection_changelist") + (place or ""))
    changes = response.context["cl"]
    private = [row.pk for row in changes.result_list if row.kind == "private"]
    return private, changes.older or None


class Rows:
    """Ada's conversations, one of which may be open, among rooms that no page should show."""

    def __init__(self) -> None:
        self.inbox = Inbox.objects.get(name="default")
        self.has_open = False

    def add(self, moment: datetime, kind: str) -> int:
        is_open, self.has_open = kind == "open" and not self.has_open, self.has_open or kind == "open"
        row = Connection.objects.create(
            inbox=self.inbox,
            kind="room" if kind == "room" else "private",
            state="open" if is_open else "closed",
            closed_at=None if is_open else moment,
            active_at=moment,
            visitor=None if kind == "room" else ADA,
            slug=f"room-{uuid.uuid4()}" if kind == "room" else "",
        )
        if kind != "room":
            Participant.objects.create(connection=row, role="visitor", visitor=ADA, nick="Ada")
        return row.pk


NEW = st.tuples(st.sampled_from(MOMENTS), st.sampled_from(["closed", "closed", "open", "room"]))


@pytest.fixture
def small_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "STRETCH", 2)
    monkeypatch.setattr(admin.site._registry[Connection], "list_per_page", 50)


@pytest.mark.parametrize(
    ("door", "key"),
    [*((door, "active_at") for door in (activity, filtered, own, in_admin)), (one_column, "id")],
    ids=lambda each: getattr(each, "__name__", each),
)
@pytest.mark.usefixtures("small_stretch")
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_each_row_that_stays_is_seen_once_and_in_order(
    staff: Client, door: Door, key: str, data: st.DataObject
) -> None:
    with transaction.atomic():
        rows = Rows()
        for moment, kind in data.draw(st.lists(NEW, max_size=12), label="at first"):
            rows.add(moment, kind)
        stays = list(Connection.objects.filter(kind="private").order_by(f"-{key}", "-id"))
        seen: list[Connection] = []
        place: str | None = None
        while True:
            keys, place = door(staff, data.draw(st.integers(1, 5), label="limit"), place)
            found = Connection.objects.in_bulk(keys)
            seen += [found[pk] for pk in keys]
            if place is None:
                break
            for moment, kind in data.draw(st.lists(NEW, max_size=2), label="comes"):
                rows.add(moment, kind)
            # The visitor's list goes on from a conversation, which has to be there.
            goes = [row for row in Connection.objects.order_by("pk") if str(row.uid) != place]
            for row in data.draw(st.lists(st.sampled_from(goes), max_size=2), label="goes") if goes else []:
                Participant.objects.filter(connection=row).delete()
                Connection.objects.filter(pk=row.pk).delete()
                stays = [each for each in stays if each.pk != row.pk]
        order = [(getattr(row, key), row.pk) for row in seen]
        assert order == sorted(set(order), reverse=True)
        assert [row for row in seen if row in stays] == stays
        transaction.set_rollback(True)


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_pages_of_messages_follow_each_other_while_more_is_said(db: None, data: st.DataObject) -> None:
    with transaction.atomic():
        connection = Connection.objects.create(inbox=Inbox.objects.get(name="default"), visitor=ADA)
        me = Participant.objects.create(connection=connection, role="visitor", visitor=ADA, nick="Ada")
        reader = Target.of(connection, me)

        def write(count: int) -> None:
            for _ in range(count):
                advance = Connection.objects.advance(connection.pk, messages=1)
                Message.objects.create(
                    connection=connection, author=me, seq=advance.last_seq, revision=advance.revision
                )

        count = data.draw(st.integers(0, 9), label="messages")
        write(count)
        seen: list[int] = []
        page: Any = {"has_more": True}
        while page["has_more"]:
            page = history.page(reader, before=seen[0] if seen else None, limit=data.draw(st.integers(1, 4)))
            seen = [message["seq"] for message in page["messages"]] + seen
            write(data.draw(st.integers(0, 2), label="said meanwhile"))
        assert seen == list(range(1, count + 1))
        transaction.set_rollback(True)


NO_PLACES = ["", "x", "1", "-", "1-", "-1", "1-2-3", "1-x", "1 -2", "1-٣", "1_2", "+1-2", "1-2\n", "0x1-2"]
NO_PLACES += ["9" * 18 + "-1", "1-" + "9" * 19, "9" * 4000, "2026-01-01T00:00:00_1", str(uuid.UUID(int=7))]


@pytest.mark.parametrize("text", NO_PLACES)
def test_what_is_no_place_in_this_list_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"^This is not a position in this list\.$"):
        BY_ACTIVITY.parse(text)


def test_a_place_of_a_list_in_another_order_is_refused() -> None:
    row = Connection(pk=7, active_at=START)
    for mine, other in ((BY_ACTIVITY, BY_ID), (BY_ID, BY_ACTIVITY)):
        with pytest.raises(ValueError, match="not a position in this list"):
            mine.parse(str(other.cursor(row)))


@given(moment=st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)), pk=st.integers(0, 10**18 - 1))
def test_a_place_comes_back_as_it_was(moment: datetime, pk: int) -> None:
    cursor = BY_ACTIVITY.cursor(Connection(pk=pk, active_at=moment))
    assert BY_ACTIVITY.parse(str(cursor)) == cursor


@given(st.text(alphabet="0123456789-") | st.text())
def test_any_text_is_a_place_or_refused(text: str) -> None:
    try:
        place = BY_ACTIVITY.parse(text)
    except ValueError:
        return
    assert BY_ACTIVITY.parse(str(place)) == place


@pytest.mark.usefixtures("small_stretch")
@pytest.mark.parametrize(("place", "count"), [("253402300799999999-" + "9" * 18, 2), ("0-0", 0)])
def test_the_first_and_the_last_place_of_all_are_asked_for_like_any_other(
    staff: Client, place: str, count: int
) -> None:
    rows = Rows()
    for moment in MOMENTS[:2]:
        rows.add(moment, "closed")
    for door in (activity, filtered):
        assert len(door(staff, 5, place)[0]) == count
    assert len(in_admin(staff, 5, f"?before={place}")[0]) == count
