"""Posts visitors' answers by mail in their conversations, and never drops a mail silently."""

import logging
from collections.abc import Sequence
from enum import StrEnum
from io import BytesIO
from itertools import zip_longest

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from bridge import files
from bridge.chat.actions import keep_upload, mark_read
from bridge.chat.actions.receiving import Incoming, receive_message
from bridge.chat.actions.speaking_rules import silenced
from bridge.chat.moderation import filter_of, is_blocked
from bridge.errors import BridgeError
from bridge.models import Endpoint, Message, Participant, RemoteMessage
from bridge.protocol import MAX_ATTACHMENTS
from bridge.protocol.values import without_controls
from bridge.services.email.arrived import Mail, MailFile, address_in, is_automatic
from bridge.services.email.codes import Purpose, read_code
from bridge.services.email.letters import is_contact
from bridge.services.email.refusing import Reason, refuse
from bridge.services.email.words import parts_of, words_of

__all__ = ["Mail", "MailFile", "Outcome", "take"]
logger = logging.getLogger(__name__)

MOST_FILES = 50


class Outcome(StrEnum):
    TAKEN = "taken"
    KNOWN = "known"
    AUTOMATIC = "automatic"
    """A machine wrote it, and would answer our answer."""
    NOBODYS = "nobodys"
    """It belongs to no conversation."""
    REFUSED = "refused"
    """The visitor is not allowed to write this."""


def take(mail: Mail) -> Outcome:
    """Post the mail in its conversation, or keep it for staff. A mail that arrives again is ignored. Blocks.

    The code in the recipient's address proves that it is from the visitor, because only their mails contain it. It may
    come from another address than the visitor's, because many people have several. Then the message says so.
    """
    endpoint = _endpoint(mail.recipients)
    if endpoint and RemoteMessage.objects.filter(endpoint=endpoint, remote_id=mail.message_id).exists():
        return Outcome.KNOWN
    if is_automatic(mail):
        refuse(mail, Reason.AUTOMATIC, _beginning(mail), endpoint=endpoint)
        return Outcome.AUTOMATIC
    if endpoint is None:
        refuse(mail, Reason.NOBODYS, "", endpoint=None)
        return Outcome.NOBODYS
    reader = Participant.objects.select_related("connection__inbox").get(
        connection=endpoint.connection_id, visitor=endpoint.connection.visitor
    )
    text = words_of(mail, endpoint)
    if (why := _refusal(reader, text, mail.files)) is not None:
        # Staff know whom they have blocked, and need no notice.
        refuse(mail, Reason.REFUSED, why, endpoint=endpoint, quiet=_is_blocked(reader))
        return Outcome.REFUSED
    return _take(mail, endpoint, reader, text)


def _endpoint(recipients: Sequence[str]) -> Endpoint | None:
    for recipient in recipients:
        local = address_in(recipient).partition("@")[0]
        connection = read_code(local.rpartition("+")[2], Purpose.REPLY)
        if connection is not None:
            endpoints = Endpoint.objects.filter(service="email", remote_id=str(connection))
            return endpoints.select_related("connection__inbox").first()
    return None


def _beginning(mail: Mail) -> str:
    text = " ".join(without_controls(mail.text or mail.text_of_html).split())
    return f"It begins: “{text[:200]}”" if text else ""


def _is_blocked(reader: Participant) -> bool:
    return reader.visitor is None or is_blocked(reader.connection.inbox_id, {reader.visitor})


def _refusal(reader: Participant, text: str, attachments: Sequence[MailFile]) -> str | None:
    """Why the visitor may not write this, by the same rules as on the page."""
    if _is_blocked(reader):
        return "You cannot write here."
    if (refusal := silenced(reader, now=timezone.now())) is not None:
        return str(refusal)
    words = filter_of(reader.connection.inbox)
    if words.refusal(text) or any(words.refusal(file.name) for file in attachments):
        return "It contains words or links that are not allowed here."
    return None


def _take(mail: Mail, endpoint: Endpoint, reader: Participant, text: str) -> Outcome:
    pieces, is_cut = parts_of(text)
    whole = [MailFile("mail.txt", text.encode(errors="replace"), is_whole=True)] if is_cut else []
    uploads, refused = _keep([*whole, *mail.files], reader)
    before = ""
    if is_contact(mail.address, endpoint.connection):
        _mark_read(mail, endpoint, reader)
    else:
        sender = mail.address or "an unknown address"
        before = f"(From {sender}, which is not the address that the visitor left.)"
    after = f"(Files that were not accepted: {', '.join(refused)})" if refused else ""
    pieces[0] = f"{before}\n\n{pieces[0]}".strip()
    pieces[-1] = f"{pieces[-1]}\n\n{after}".strip()
    if not _store(mail, endpoint, pieces if any(pieces) or uploads else ["(An empty e-mail.)"], uploads):
        return Outcome.KNOWN
    if refused:
        refuse(mail, Reason.FILES, f"Not accepted: {', '.join(refused)}", endpoint=endpoint, quiet=True)
    return Outcome.TAKEN


@transaction.atomic
def _store(mail: Mail, endpoint: Endpoint, pieces: Sequence[str], uploads: Sequence[int]) -> bool:
    """Store the mail, as several messages if it is too long or has too many files for one; all of them or none.

    False if it was stored before.
    """
    batches = [uploads[at : at + MAX_ATTACHMENTS] for at in range(0, len(uploads), MAX_ATTACHMENTS)]
    for number, (piece, batch) in enumerate(zip_longest(pieces, batches)):
        # No mail can have such an ID.
        remote_id = f"{number}:{mail.message_id}" if number else mail.message_id
        incoming = Incoming(
            remote_id, None, piece or "", created_at=mail.written_at, uploads=tuple(batch or ())
        )
        if receive_message(endpoint.pk, incoming) is None:
            return False
    return True


def _keep(attachments: Sequence[MailFile], reader: Participant) -> tuple[list[int], list[str]]:
    """The keys of the files that were accepted, and the names of the others."""
    accepted: list[int] = []
    refused: list[str] = []
    for file in attachments:
        upload = _keep_one(file, reader) if len(accepted) < MOST_FILES else None
        if upload is None:
            refused.append(without_controls(file.name)[:100] or "a file")
        else:
            accepted.append(upload)
    return accepted, refused


def _keep_one(file: MailFile, reader: Participant) -> int | None:
    inbox, visitor = reader.connection.inbox, reader.visitor
    if visitor is None or (len(file.data) > inbox.max_upload_bytes and not file.is_whole):
        return None
    try:
        allowed = None if file.is_whole else inbox.upload_types.split()
        copy = files.keep(BytesIO(file.data), name=file.name, allowed=allowed)
    except BridgeError as refusal:
        logger.info("A file of an e-mail was not accepted: %s", refusal)
        return None
    return keep_upload(copy, inbox=inbox.pk, visitor=visitor).pk


def _mark_read(mail: Mail, endpoint: Endpoint, reader: Participant) -> None:
    """A visitor who answers a mail has read it."""
    answered = f"{mail.headers.get('in-reply-to', '')} {mail.headers.get('references', '')}"[:5000].split()
    read = Message.objects.filter(
        connection=endpoint.connection_id,
        remote_parts__remote__endpoint=endpoint,
        remote_parts__remote__remote_id__in=answered[:50],
    ).aggregate(seq=Max("seq"))["seq"]
    if read:
        mark_read(reader.pk, seq=read)
