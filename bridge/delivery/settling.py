"""Records the answers of services (rules 4 and 6).

Facts are recorded even if another worker holds the line. Only the worker that holds it decides what follows from them.
"""

from django.db import transaction
from django.db.models.functions import Now

from bridge.chat.actions.receiving import position_of
from bridge.chat.actions.remote_ids import learn_remote_id
from bridge.delivery import reactions
from bridge.delivery.lines import Line
from bridge.models import Connection, Endpoint, RemoteMessage
from bridge.services.requests import (
    NOTHING_LEFT,
    Answer,
    Delete,
    Done,
    Edit,
    Found,
    Missing,
    Opened,
    React,
    ReadBack,
    Request,
    Seen,
    Stored,
)


@transaction.atomic
def settle(line: Line, request: Request, answer: Answer) -> None:
    """Record an answer. What the service stored is recorded even if the line was lost in the meantime.

    Answers that may be out of date by then are not: after a search without a result, another worker may have sent the
    message, and after an edit, another worker may have made the next one.
    """
    Connection.objects.lock(line.connection_id)
    if isinstance(answer, Stored):
        _know(request.remote_pk, answer.remote_id, sender=answer.sender)
    elif isinstance(answer, Opened):
        _opened(line, request, answer)
    elif not _is_held(line):
        return
    elif isinstance(answer, Found):
        assert isinstance(request, ReadBack)  # noqa: S101  # the only request with this answer
        _found(request, answer)
    elif isinstance(answer, Missing):
        RemoteMessage.objects.filter(pk=request.remote_pk).update(sent_at=None)
    elif isinstance(answer, Done):
        _done(request)


def _is_held(line: Line) -> bool:
    return Endpoint.objects.filter(pk=line.endpoint_id, attempts=line.token).exists()


def _know(remote_pk: int, remote_id: str, *, sender: str = "") -> None:
    """Record the remote id of a message of ours. A repetition changes nothing."""
    remote = RemoteMessage.objects.filter(pk=remote_pk, remote_id__isnull=True).first()
    if remote is not None:
        remote.sender = sender
        learn_remote_id(remote, remote_id)


def _opened(line: Line, request: Request, answer: Opened) -> None:
    _know(request.remote_pk, answer.card_id)
    Endpoint.objects.filter(pk=line.endpoint_id, remote_id__isnull=True).update(
        remote_id=answer.remote_id,
        watermark=position_of(answer.remote_id),
    )


def _found(request: ReadBack, answer: Found) -> None:
    """Adopt a matching message that is not known yet. If there is none, the message may be sent again."""
    remote = RemoteMessage.objects.filter(pk=request.remote_pk, remote_id__isnull=True).first()
    if remote is None:
        return
    candidates = {seen.remote_id: seen.sender for seen in answer.messages if _may_be(seen, remote)}
    known = set(
        RemoteMessage.objects.filter(
            endpoint=remote.endpoint_id, remote_id__in=candidates, ours=True
        ).values_list("remote_id", flat=True)
    )
    for candidate, sender in candidates.items():
        if candidate not in known:
            _know(remote.pk, candidate, sender=sender)
            return
    remote.sent_at = None
    remote.save(update_fields=["sent_at"])


def _may_be(seen: Seen, remote: RemoteMessage) -> bool:
    """Return whether it matches what was sent: the same text, which may be empty, and the same number of files."""
    text = seen.text.strip()
    if seen.files == len(remote.files):
        return text == remote.text
    # It was sent again after its files were deleted.
    return seen.files < len(remote.files) and text == (remote.text or NOTHING_LEFT)


def _done(request: Request) -> None:
    if isinstance(request, Edit):
        RemoteMessage.objects.filter(pk=request.remote_pk).update(text=request.text, text_unsure=False)
    elif isinstance(request, Delete):
        RemoteMessage.objects.filter(pk=request.remote_pk).update(deleted_at=Now())
    elif isinstance(request, React):
        reactions.done(request)
