"""Write down what the service answered (rules 4 and 6).

Facts are kept whoever holds the line; what to do about them is its holder's.
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
    """The service answered. What it stored is written down even if the line was lost in the meantime.

    What is out of date by then is not: since a loser looked in vain another may have sent it, since its edit another
    may have made the next one.
    """
    Connection.objects.lock(line.connection_id)
    if isinstance(answer, Stored):
        _know(request.remote_pk, answer.remote_id, sender=answer.sender)
    elif isinstance(answer, Opened):
        _opened(line, request, answer)
    elif not _is_held(line):
        return
    elif isinstance(answer, Found):
        assert isinstance(request, ReadBack)  # noqa: S101  # only it is answered so
        _found(request, answer)
    elif isinstance(answer, Missing):
        RemoteMessage.objects.filter(pk=request.remote_pk).update(sent_at=None)
    elif isinstance(answer, Done):
        _done(request)


def _is_held(line: Line) -> bool:
    return Endpoint.objects.filter(pk=line.endpoint_id, attempts=line.token).exists()


def _know(remote_pk: int, remote_id: str, *, sender: str = "") -> None:
    """Learn the id of one of ours. The same fact twice is nothing."""
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
    """Adopt the one that says this and that nobody knows yet; otherwise it may be sent again."""
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
    """Whether it says what was sent: the same words, which may be none, with as many files."""
    text = seen.text.strip()
    if seen.files == len(remote.files):
        return text == remote.text
    # Sent again after its files were taken back.
    return seen.files < len(remote.files) and text == (remote.text or NOTHING_LEFT)


def _done(request: Request) -> None:
    if isinstance(request, Edit):
        RemoteMessage.objects.filter(pk=request.remote_pk).update(text=request.text, text_unsure=False)
    elif isinstance(request, Delete):
        RemoteMessage.objects.filter(pk=request.remote_pk).update(deleted_at=Now())
    elif isinstance(request, React):
        reactions.done(request)
