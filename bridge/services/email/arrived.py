"""An incoming mail, the same for all providers, and whether a person wrote it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr, parsedate_to_datetime
from functools import cached_property
from hashlib import sha256

from django.utils import timezone

from bridge.services.email.html import text_of_html


def address_in(header: str) -> str:
    """The first address, or "" if there is none. The parser recurses once for each bracket."""
    try:
        return parseaddr(header)[1]
    except RecursionError:
        return ""


@dataclass(frozen=True)
class MailFile:
    name: str
    data: bytes = field(repr=False)
    is_whole: bool = False
    """Whether we made this file, with the full text of the mail. Then the inbox's limits do not apply."""


@dataclass(frozen=True)
class Mail:
    """An incoming mail. The names of `headers` are in lower case."""

    sender: str
    recipients: Sequence[str]
    headers: Mapping[str, str]
    text: str
    html: str = ""
    files: Sequence[MailFile] = ()
    authenticated: bool = False
    """Whether the provider confirmed that the sender's own mail server sent it."""

    @property
    def message_id(self) -> str:
        """Identifies the mail if it arrives again. An ID that is too long for the column is replaced by a digest."""
        header = self.headers.get("message-id", "").strip()
        if 0 < len(header) <= 200 and header.isprintable():
            return header
        whole = header or f"{self.sender}\n{self.headers.get('date', '')}\n{self.text}"
        return f"<{sha256(whole.encode(errors='replace')).hexdigest()}@without-an-id>"

    @property
    def address(self) -> str:
        """The sender's address, for comparisons."""
        return address_in(self.sender).casefold()

    @property
    def subject(self) -> str:
        return " ".join(self.headers.get("subject", "").split())

    @cached_property
    def text_of_html(self) -> str:
        return text_of_html(self.html) if self.html else ""

    @property
    def written_at(self) -> datetime:
        """The time in the `Date` header, or now if that is implausible."""
        now = timezone.now()
        try:
            written = parsedate_to_datetime(self.headers.get("date", ""))
            aware = written if written.tzinfo else timezone.make_aware(written)
            return aware if now - timedelta(days=7) < aware < now else now
        except (ValueError, OverflowError):
            return now


def is_automatic(mail: Mail) -> bool:
    """Whether a machine wrote it (RFC 3834). Two machines would answer each other without end."""
    header = mail.headers.get
    return (
        header("auto-submitted", "no").partition(";")[0].strip().lower() not in {"no", ""}
        or header("precedence", "").strip().lower() in {"bulk", "junk", "list", "auto_reply"}
        or not mail.headers.keys().isdisjoint({"x-autoreply", "x-autorespond", "list-id", "x-loop"})
        or header("return-path", "").strip() == "<>"
        or mail.address.partition("@")[0] in {"", "mailer-daemon", "postmaster"}
    )
