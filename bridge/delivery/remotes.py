"""Queries on the remote messages of an endpoint, for planning, settling and reactions."""

from collections.abc import Sequence

from django.db.models import QuerySet

from bridge.models import Endpoint, Message, RemoteMessage, RemotePart


def of_unknown_fate(endpoint: Endpoint) -> RemoteMessage | None:
    """Return the message of ours that may have been sent. There is at most one, because a line sends one at a time."""
    return endpoint.remote_messages.filter(ours=True, remote_id__isnull=True).order_by("pk").first()


def of_message(message: Message, endpoint: Endpoint) -> list[RemoteMessage]:
    """Return our remote messages of a message, in order, including those deleted in the service."""
    ours = endpoint.remote_messages.filter(ours=True, remote_id__isnull=False, parts__message=message)
    return list(ours.order_by("pk"))


def pieces_of(message_id: int, endpoint: Endpoint) -> QuerySet[RemoteMessage]:
    """Return the current remote messages of a message, ours or theirs, in order."""
    alive = endpoint.remote_messages.filter(remote_id__isnull=False, deleted_at__isnull=True)
    return alive.filter(parts__message=message_id).order_by("pk")


def group_of(remotes: list[RemoteMessage]) -> list[Message]:
    """Return the messages in these remote messages. All remote messages of one group have the same parts."""
    if not remotes:
        return []
    parts = RemotePart.objects.filter(remote=remotes[0]).order_by("position").select_related("message")
    return [part.message for part in parts.prefetch_related("message__attachments")]


def answered(group: Sequence[Message], endpoint: Endpoint) -> str | None:
    """Return the id of the remote message that an outgoing message answers, or of the first one if it was split."""
    if group[0].reply_to_id is None:
        return None
    return pieces_of(group[0].reply_to_id, endpoint).values_list("remote_id", flat=True).first()


def newest_known(endpoint: Endpoint) -> str:
    """Return the id of our newest message whose position in the thread is known, or of the thread if there is none."""
    known = endpoint.remote_messages.filter(ours=True, card=False, remote_id__isnull=False).order_by("-pk")
    newest, thread = known.values_list("remote_id", flat=True).first(), thread_of(endpoint)
    if newest and newest.isdigit() and thread.isdigit():
        return max(thread, newest, key=int)
    return newest or thread


def thread_of(endpoint: Endpoint) -> str:
    assert endpoint.remote_id is not None  # noqa: S101  # a post is planned only for an opened line
    return endpoint.remote_id


def id_of(remote: RemoteMessage) -> str:
    assert remote.remote_id is not None  # noqa: S101  # filtered by its query
    return remote.remote_id
