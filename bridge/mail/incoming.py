"""A visitor's answer by mail: whose it is, whether a person wrote it, and what of it goes into his conversation."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr, parsedate_to_datetime
from enum import StrEnum
from hashlib import sha256
from io import BytesIO
from uuid import UUID

from django.db.models import Max
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from bridge import files
from bridge.actions import keep_upload, mark_read
from bridge.actions.receiving import Incoming, receive_message
from bridge.actions.speaking_rules import silenced
from bridge.errors import BridgeError
from bridge.mail.codes import Purpose, read_code
from bridge.mail.letters import contact_of
from bridge.mail.quoting import answer_in, text_of_html
from bridge.models import Endpoint, Inbox, Message, Participant, RemoteMessage
from bridge.moderation import filter_of, is_blocked
from bridge.protocol import MAX_ATTACHMENTS, without_controls

logger = logging.getLogger(__name__)

LONGEST = 20_000
"""Characters of one answer. What is longer was pasted, and is in the mail that its writer still has."""
CUT = "[… The mail goes on: this is its beginning.]"
SERVICE = "email"


@dataclass(frozen=True)
class MailFile:
    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Mail:
    """A mail, whichever provider brought it. The names of `headers` are in lower case."""

    sender: str
    recipients: Sequence[str]
    headers: Mapping[str, str]
    text: str
    html: str = ""
    stripped: str = ""
    """The provider's idea of the answer in it; empty where it has none."""
    files: Sequence[MailFile] = ()

    @property
    def message_id(self) -> str:
        """By which it is known again. One that is too long for a column is known by its digest."""
        found = self.headers.get("message-id", "").strip()
        if 0 < len(found) <= 200:
            return found
        whole = found or f"{self.sender}\n{self.headers.get('date', '')}\n{self.text}"
        return f"<{sha256(whole.encode()).hexdigest()}@without-an-id>"


class Outcome(StrEnum):
    TAKEN = "taken"
    KNOWN = "known"
    AUTOMATIC = "automatic"
    """Written by a machine, which would answer our answer."""
    NOBODYS = "nobodys"
    """To no conversation of ours, or from somebody else than its visitor."""
    EMPTY = "empty"
    REFUSED = "refused"
    """He may not write here."""


def take(mail: Mail) -> Outcome:
    """Put it into its conversation. The same mail again is nothing. Blocks."""
    if is_automatic(mail):
        return Outcome.AUTOMATIC
    endpoint = _endpoint(mail.recipients)
    if endpoint is None or not _is_his(mail, endpoint):
        return Outcome.NOBODYS
    if RemoteMessage.objects.filter(endpoint=endpoint, remote_id=mail.message_id).exists():
        return Outcome.KNOWN
    reader = Participant.objects.select_related("connection__inbox").get(
        connection=endpoint.connection_id, visitor=endpoint.connection.visitor
    )
    text = _said(mail)
    if _may_not(reader, text):
        return Outcome.REFUSED
    kept, left = _keep(mail.files, reader)
    if left:
        text = (
            f"{text}\n\n({'Not taken' if kept else 'Files that were not taken'}: {', '.join(left)})".strip()
        )
    if not text and not kept:
        return Outcome.EMPTY
    _note_read(mail, endpoint, reader)
    message = receive_message(
        endpoint.pk,
        Incoming(mail.message_id, None, text, created_at=_written_at(mail), uploads=tuple(kept)),
    )
    return Outcome.TAKEN if message is not None else Outcome.KNOWN


def is_automatic(mail: Mail) -> bool:
    """RFC 3834: an answer to such a mail, which would be answered by it, has no end."""
    said = mail.headers.get
    name = parseaddr(mail.sender)[1].partition("@")[0].lower()
    return (
        said("auto-submitted", "no").strip().lower() != "no"
        or said("precedence", "").strip().lower() in {"bulk", "junk", "list", "auto_reply"}
        or any(each in mail.headers for each in ("x-autoreply", "x-autorespond", "list-id", "x-loop"))
        or said("return-path", "").strip() == "<>"
        or name in {"", "mailer-daemon", "postmaster"}
    )


def _endpoint(recipients: Sequence[str]) -> Endpoint | None:
    for recipient in recipients:
        local = parseaddr(recipient)[1].partition("@")[0]
        connection = read_code(local.rpartition("+")[2], Purpose.REPLY)
        if connection is not None:
            return _endpoint_of(connection)
    return None


def _endpoint_of(connection: UUID) -> Endpoint | None:
    found = Endpoint.objects.filter(service=SERVICE, remote_id=str(connection))
    return found.select_related("connection__inbox").first()


def _is_his(mail: Mail, endpoint: Endpoint) -> bool:
    """Whether it comes from the address that the visitor left. Who got hold of a forwarded mail has its code, too."""
    connection = endpoint.connection
    contact = contact_of(connection)
    address = parseaddr(mail.sender)[1].casefold()
    his = contact is not None and constant_time_compare(address, contact.email.casefold())
    if not his:
        logger.warning("A mail to conversation %s came from somebody else.", connection.code)
    return his and bool(address)


def _said(mail: Mail) -> str:
    text = mail.stripped or mail.text or text_of_html(mail.html)
    text = without_controls(answer_in(text))
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rstrip()}\n{CUT}"


def _may_not(reader: Participant, text: str) -> bool:
    """What holds for him on the page holds here."""
    inbox = reader.connection.inbox
    blocked = reader.visitor is None or is_blocked(inbox.pk, {reader.visitor})
    return blocked or silenced(reader, now=timezone.now()) is not None or bool(filter_of(inbox).refusal(text))


def _keep(found: Sequence[MailFile], reader: Participant) -> tuple[list[int], list[str]]:
    """The keys of the files that were kept, and the names of the others."""
    inbox, visitor = reader.connection.inbox, reader.visitor
    kept: list[int] = []
    left: list[str] = []
    for file in found:
        small = len(file.data) <= inbox.max_upload_bytes and len(kept) < MAX_ATTACHMENTS
        row = _keep_one(file, inbox, visitor) if small and visitor else None
        if row is None:
            left.append(without_controls(file.name)[:100] or "a file")
        else:
            kept.append(row)
    return kept, left


def _keep_one(file: MailFile, inbox: Inbox, visitor: UUID) -> int | None:
    try:
        kept = files.keep(BytesIO(file.data), name=file.name, allowed=inbox.upload_types.split())
    except BridgeError as refusal:
        logger.info("A file of a mail was not taken: %s", refusal)
        return None
    return keep_upload(kept, inbox=inbox.pk, visitor=visitor).pk


def _note_read(mail: Mail, endpoint: Endpoint, reader: Participant) -> None:
    """Who answers a mail has read it."""
    named = f"{mail.headers.get('in-reply-to', '')} {mail.headers.get('references', '')}"[:5000].split()
    read = Message.objects.filter(
        connection=endpoint.connection_id,
        remote_parts__remote__endpoint=endpoint,
        remote_parts__remote__remote_id__in=named[:50],
    ).aggregate(seq=Max("seq"))["seq"]
    if read:
        mark_read(reader.pk, seq=read)


def _written_at(mail: Mail) -> datetime:
    """When its writer's clock says, within reason."""
    now = timezone.now()
    try:
        written = parsedate_to_datetime(mail.headers.get("date", ""))
    except ValueError:
        return now
    aware = written if written.tzinfo else timezone.make_aware(written)
    return aware if now - timedelta(days=7) < aware < now else now
