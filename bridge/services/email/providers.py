"""Reads the requests of Mailgun and Postmark, and verifies that they are theirs."""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_to_bytes

from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from multipart import MultipartError, parse_form_data

from bridge.conf import settings
from bridge.errors import BridgeError, Code
from bridge.infra import redis
from bridge.services.email.arrived import Mail, MailFile, address_in

OLDEST = timedelta(hours=10)
"""Mailgun tries to deliver a mail for eight hours."""
REMEMBERED = 2 * OLDEST
_SIGNED = ("timestamp", "token", "signature")
_STAMP = re.compile(r"[0-9]{10}", re.ASCII)
LARGEST = 40 * 1024 * 1024
"""Bytes: Mailgun accepts mails of up to 25 MB, Postmark of up to 35 MB."""
PIECE = 4 * 1024
LONGEST_PROOF = 300
"""Bytes of each field of a signature: the longest, the token and the signature itself, have 64 characters."""
MOST_PARTS = 1000
"""Fields and files of a form: Mailgun sends about 25, and those of the mail."""


class Unreadable(Exception):
    """The request is not one that this provider sends."""


def from_mailgun(request: HttpRequest) -> Mail:
    """Read a mail from a route with the action forward(). Mailgun's signature covers only a time and a token, so each
    token is valid for one mail.

    Raises Unreadable, and RedisError if Redis is unavailable: then Mailgun sends the mail again.
    """
    if not settings.MAILGUN_SIGNING_KEY:
        raise Http404
    fields, files = _read_form(request)
    if not _is_signed(fields) or not _is_first(fields["token"], fields, files):
        raise Unreadable("it is not signed by Mailgun")
    try:
        headers = _headers(json.loads(fields.get("message-headers", "[]")))
    except (TypeError, ValueError, RecursionError) as error:
        raise Unreadable("message-headers") from error
    sender = fields.get("from", "") or fields.get("sender", "")
    return Mail(
        sender=_text(sender),
        recipients=[_text(fields.get("recipient", ""))],
        headers={"message-id": fields.get("Message-Id", "")} | dict(headers),
        text=_text(fields.get("body-plain", "")),
        html=_text(fields.get("body-html", "")),
        files=files,
        authenticated=_passed(
            _named(headers, "x-mailgun-spf"), sender=sender, envelope=fields.get("sender", "")
        ),
    )


def from_postmark(request: HttpRequest) -> Mail:
    """Read a mail from an inbound stream with our secret in its address. Raises Unreadable and BridgeError."""
    if not settings.POSTMARK_SECRET:
        raise Http404
    if not _has_secret(request.headers.get("Authorization", "")):
        raise BridgeError(Code.NOT_IDENTIFIED, "The secret in the address is wrong.")
    # Not request.body, which is limited to small requests.
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise Unreadable("it is too large")
    return read_postmark(body)


def _is_signed(fields: Mapping[str, str]) -> bool:
    stamp, token, signature = (fields.get(name, "") for name in _SIGNED)
    # Time and token are signed as one text. Without a fixed format, it could be split at another place, too.
    if not _STAMP.fullmatch(stamp) or not signature.isascii():
        return False
    key = settings.MAILGUN_SIGNING_KEY.encode()
    expected = hmac.new(key, f"{stamp}{token}".encode(errors="replace"), sha256).hexdigest()
    if not constant_time_compare(expected, signature):
        return False
    return abs(timezone.now().timestamp() - int(stamp)) <= OLDEST.total_seconds()


def _is_first(token: str, fields: Mapping[str, str], files: Sequence[MailFile]) -> bool:
    """Whether this token was never used, or only with this same mail.

    The whole mail is compared: somebody who has seen a signature could change any part that is left out here.
    """
    name = f"chatbridge:mailgun:{sha256(token.encode(errors='replace')).hexdigest()}"
    signed = sorted(field for field in fields.items() if field[0] not in _SIGNED)
    attached = sorted((file.name, sha256(file.data).hexdigest()) for file in files)
    digest = sha256(json.dumps([signed, attached]).encode()).hexdigest()
    # All threads share it, so it must not be closed, as `with` would do.
    client = redis.blocking_client()
    return bool(client.set(name, digest, nx=True, ex=REMEMBERED)) or client.get(name) == digest.encode()


def _read_form(request: HttpRequest) -> tuple[dict[str, str], list[MailFile]]:
    """The fields and files of a form. Not from request.POST, which always refuses fields of more than 2.5 MB.

    Raises Unreadable.
    """
    if request.content_type in {"application/x-www-form-urlencoded", "application/x-url-encoded"}:
        body = request.read(LARGEST + 1)
        # Decoding a megabyte of “%” takes most of a second, so the signature is verified first.
        if not _is_signed(read_urlencoded(body, longest=LONGEST_PROOF)):
            raise Unreadable("it is not signed")
        return read_urlencoded(body), []
    environ = {
        "CONTENT_TYPE": request.META.get("CONTENT_TYPE", ""),
        "CONTENT_LENGTH": request.META.get("CONTENT_LENGTH") or "-1",
        "wsgi.input": request,
    }
    limits = {"spool_limit": LARGEST, "memory_limit": LARGEST, "disk_limit": 0, "part_limit": MOST_PARTS}
    try:
        fields, files = parse_form_data(environ, strict=True, ignore_errors=False, **limits)
        attachments = [MailFile(file.filename or "", file.raw) for _, file in files.iterallitems()]
        return {name: fields[name] for name in fields}, attachments
    except (MultipartError, UnicodeError, OSError) as error:
        raise Unreadable(f"the form: {error}") from error


def read_urlencoded(body: bytes, *, longest: int = LARGEST) -> dict[str, str]:
    """The fields whose names and values have at most `longest` bytes. Raises Unreadable.

    Not with urllib, which makes an object of each “%41” and needs some 20 times the memory of the body.
    """
    pairs = body.split(b"&", MOST_PARTS)
    if len(body) > LARGEST or len(pairs) > MOST_PARTS:
        raise Unreadable("the form: it is too large")
    return {
        _unquoted(name): _unquoted(value)
        for name, _, value in (pair.partition(b"=") for pair in pairs)
        if name and max(len(name), len(value)) <= longest
    }


def _unquoted(value: bytes) -> str:
    """Decodes it in pieces, and never cuts a “%41” in two."""
    pieces, at = [], 0
    while at < len(value):
        end = at + PIECE
        cut = value.rfind(b"%", end - 2, end) if end < len(value) else -1
        end = end if cut == -1 else cut
        pieces.append(unquote_to_bytes(value[at:end].replace(b"+", b" ")))
        at = end
    return b"".join(pieces).decode(errors="replace")


def _has_secret(authorization: str) -> bool:
    scheme, _, encoded = authorization.partition(" ")
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    secret = pair.partition(":")[2]
    return scheme.lower() == "basic" and constant_time_compare(secret, settings.POSTMARK_SECRET)


def read_postmark(body: bytes) -> Mail:
    """Read a mail from Postmark's JSON. Raises Unreadable."""
    try:
        mail = json.loads(body)
        headers = _headers((header["Name"], header["Value"]) for header in mail.get("Headers") or [])
        spf = _named(headers, "received-spf")
        beside = {
            "message-id": f"<{mail['MessageID']}@inbound.postmarkapp.com>",
            "date": _text(mail.get("Date") or ""),
            "subject": _text(mail.get("Subject") or ""),
        }
        sender = _text(mail["FromFull"]["Email"])
        recipients = [mail.get("OriginalRecipient") or "", *(to["Email"] for to in mail["ToFull"])]
        return Mail(
            sender=sender,
            recipients=[_text(recipient) for recipient in recipients],
            headers=beside | dict(headers),
            text=_text(mail.get("TextBody") or ""),
            html=_text(mail.get("HtmlBody") or ""),
            files=[
                MailFile(_text(attachment["Name"]), base64.b64decode(attachment["Content"], validate=True))
                for attachment in mail.get("Attachments") or []
            ],
            authenticated=_passed(spf, sender=sender, envelope=_envelope_of(spf)),
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise Unreadable(_text(f"{type(error).__name__}: {error}"[:300])) from error


def _text(value: Any) -> str:
    """Text that can be stored: a lone surrogate, which JSON can contain, becomes a question mark.

    Raises TypeError if it is not a string.
    """
    if not isinstance(value, str):
        raise TypeError(f"a text is a {type(value).__name__}")
    return value.encode(errors="replace").decode()


def _headers(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers, with their names in lower case."""
    return [(_text(name).lower(), _text(value)) for name, value in pairs]


def _named(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [value for header, value in headers if header == name]


def _passed(results: Sequence[str], *, sender: str, envelope: str) -> bool:
    """Whether the provider confirmed that the server of the sender's own domain sent it.

    The sender can add such a header to the mail, beside the provider's. So all of them must say “pass”.
    """
    domains = {address_in(address).rpartition("@")[2].lower() for address in (sender, envelope)}
    passed = [result.strip().lower().partition(" ")[0] == "pass" for result in results]
    return len(domains) == 1 and domains != {""} and bool(passed) and all(passed)


def _envelope_of(results: Sequence[str]) -> str:
    """The envelope sender that all of them agree on, or ""."""
    senders = {result.partition("envelope-from=")[2].partition(";")[0].strip() for result in results}
    return senders.pop().strip('"<>') if len(senders) == 1 else ""
