"""Plans and settles reactions: one of ours in a service represents all people who reacted elsewhere.

Each reaction is recorded before its request (`RemoteMessage.Fate`). After a crash it is added or removed once more,
which changes nothing.
"""

from django.db.models import QuerySet

from bridge.chat.actions.settling import mark_delivered, mark_failed
from bridge.delivery import lines, remotes
from bridge.errors import DeliveryFailed
from bridge.models import Delivery, Endpoint, Inbox, Message, Reaction, RemoteMessage
from bridge.services.requests import React
from bridge.text import emojis

UNSURE, THERE, REFUSED = RemoteMessage.Fate.UNSURE, RemoteMessage.Fate.THERE, RemoteMessage.Fate.REFUSED


def towards(head: Delivery, endpoint: Endpoint) -> React | None:
    """Return a request that brings the reactions of a message closer; None if nothing differs and all is settled."""
    remote = _remote_of(head.message, endpoint)
    if remote and (request := surplus(remote, endpoint) or _missing(remote, endpoint)):
        return request
    messages = _messages_in(remote) if remote else [head.message_id]
    *before, latest = _waiting(endpoint).filter(message__in=messages)
    mark_delivered(before, endpoint=endpoint, outcome=Delivery.Outcome.SUPERSEDED)
    # Without a message in the service, there is nothing to react to.
    outcome = Delivery.Outcome.DELIVERED if remote else Delivery.Outcome.SUPERSEDED
    mark_delivered([latest], endpoint=endpoint, outcome=outcome)
    return None


def surplus(remote: RemoteMessage, endpoint: Endpoint) -> React | None:
    """Return a request that removes a reaction of ours that nobody has any more. This makes room for new ones."""
    fates = dict(remote.reactions)
    wanted = _wanted(remote, endpoint)
    for emoji, fate in list(fates.items()):
        if emoji in wanted:
            continue
        if fate == REFUSED or _is_mark(emoji, remote, endpoint):
            del fates[emoji]
            _write(remote, fates)
            continue
        return _ask(remote, endpoint, fates, emoji, add=False)
    return None


def _missing(remote: RemoteMessage, endpoint: Endpoint) -> React | None:
    """Return a request that adds the first missing reaction."""
    fates = dict(remote.reactions)
    for emoji in _wanted(remote, endpoint):
        if fates.get(emoji) not in {THERE, REFUSED}:
            return _ask(remote, endpoint, fates, emoji, add=True)
    return None


def done(request: React) -> None:
    """Record a successful request. Call it in a transaction of the worker that holds the line."""
    remote = RemoteMessage.objects.get(pk=request.remote_pk)
    fates = dict(remote.reactions)
    if request.add:
        fates[request.emoji] = THERE
    else:
        fates.pop(request.emoji, None)
    _write(remote, fates)


def refused(request: React, endpoint: Endpoint, failure: DeliveryFailed) -> None:
    """Record a refusal, for staff. No message waits for it. A missing permission affects all waiting reactions."""
    remote = RemoteMessage.objects.get(pk=request.remote_pk)
    waiting = list(_waiting(endpoint))
    fates = dict(remote.reactions)
    if not request.add:
        # It must not be requested again, or a waiting edit would wait for ever.
        fates.pop(request.emoji, None)
    elif failure.permanent:
        messages = _messages_in(remote)
        waiting = [delivery for delivery in waiting if delivery.message_id in messages][:1]
        fates[request.emoji] = REFUSED
    _write(remote, fates)
    mark_failed(waiting, endpoint=endpoint, reason=failure.reason, detail=failure.detail)


def _ask(remote: RemoteMessage, endpoint: Endpoint, fates: dict[str, str], emoji: str, *, add: bool) -> React:
    fates[emoji] = UNSURE
    _write(remote, fates)
    return React(
        remote_pk=remote.pk,
        thread=remotes.thread_of(endpoint),
        remote_id=remotes.id_of(remote),
        emoji=emoji,
        add=add,
    )


def _waiting(endpoint: Endpoint) -> QuerySet[Delivery]:
    return lines.unsettled(endpoint).filter(operation=Delivery.Operation.REACT)


def _remote_of(message: Message, endpoint: Endpoint) -> RemoteMessage | None:
    """Return its remote message, or the first one if it was split.

    Messages of a previous thread are excluded: that is deleted, so they would look as if staff had deleted them.
    """
    if endpoint.remote_id is None or message.deleted_at:
        return None
    pieces = remotes.pieces_of(message.pk, endpoint)
    return next((piece for piece in pieces if _is_within(piece, endpoint.remote_id)), None)


def _is_within(piece: RemoteMessage, thread: str) -> bool:
    """Return whether it can be in the thread. Ids are ascending, so an older message was never in it."""
    known = piece.remote_id or ""
    return not (known.isdigit() and thread.isdigit()) or int(known) >= int(thread)


def _messages_in(remote: RemoteMessage) -> list[int]:
    return list(remote.parts.values_list("message_id", flat=True))


def _wanted(remote: RemoteMessage, endpoint: Endpoint) -> list[str]:
    """Return the emoji with which people from elsewhere reacted to it, in the order of their first use."""
    rows = Reaction.objects.filter(message__in=_messages_in(remote), message__deleted_at__isnull=True)
    theirs = rows.exclude(participant__service=endpoint.service).order_by("pk")
    return list(dict.fromkeys(theirs.values_list("emoji", flat=True)))


def _is_mark(emoji: str, remote: RemoteMessage, endpoint: Endpoint) -> bool:
    """Return whether the bot uses this emoji as its own mark, which stays when the last visitor removes theirs."""
    inbox = endpoint.connection.inbox
    if emoji == emojis.EYE:
        return inbox.show_read == Inbox.ShowRead.REACTION and remote.remote_id in endpoint.read_mark.split()
    return not remote.ours and inbox.mark_relayed and emoji in emojis.MARKS


def _write(remote: RemoteMessage, fates: dict[str, str]) -> None:
    remote.reactions = [list(pair) for pair in fates.items()]
    remote.save(update_fields=["reactions"])
