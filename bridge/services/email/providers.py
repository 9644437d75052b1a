"""Mails as Mailgun and Postmark hand them over, and how each proves that it is him."""

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

from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from multipart import MultipartError, parse_form_data

from bridge.conf import settings
from bridge.infra import redis
from bridge.services.email.addresses import address_in
from bridge.services.email.arrived import Mail, MailFile

OLDEST = timedelta(hours=10)
"""Mailgun tries for eight hours to hand a mail over."""
REMEMBERED = 2 * OLDEST
_SIGNED = ("timestamp", "token", "signature")
_STAMP = re.compile(r"[0-9]{10}", re.ASCII)
LARGEST = 40 * 1024 * 1024
"""Bytes: Mailgun takes mails of 25 MB, Postmark of 35 MB."""
PIECE = 4 * 1024
URLENCODED = frozenset({"application/x-www-form-urlencoded", "application/x-url-encoded"})
LONGEST_PROOF = 300
"""Bytes of each field that proves who sent a form: the longest, a token or signature, has 64 characters."""
MOST_PARTS = 1000
"""Fields and files of a form: Mailgun sends about 25 and those of the mail."""


class Unreadable(Exception):
    """It is not what this provider sends."""


def is_mailgun(fields: Mapping[str, str], files: Sequence[MailFile]) -> bool:
    """Whether Mailgun signed this, not long ago, and for no other mail: its signature covers only a time and a token.

    Raises RedisError where Redis is away: then it is brought again.
    """
    return _is_signed(fields) and _is_first(fields["token"], fields, files)


def _is_signed(fields: Mapping[str, str]) -> bool:
    stamp, token, signature = (fields.get(name, "") for name in _SIGNED)
    # Of this shape alone: a time and a token that are written one behind the other can be parted elsewhere, too.
    if not _STAMP.fullmatch(stamp) or not signature.isascii():
        return False
    key = settings.MAILGUN_SIGNING_KEY.encode()
    expected = hmac.new(key, f"{stamp}{token}".encode(errors="replace"), sha256).hexdigest()
    if not constant_time_compare(expected, signature):
        return False
    return abs(timezone.now().timestamp() - int(stamp)) <= OLDEST.total_seconds()


def _is_first(token: str, fields: Mapping[str, str], files: Sequence[MailFile]) -> bool:
    """Whether this token came with this mail before, or never."""
    name = f"chatbridge:mailgun:{sha256(token.encode(errors='replace')).hexdigest()}"
    digest = _digest_of(fields, files)
    # One for all threads: closed, as `with` would do, it takes away the others' connections.
    client = redis.blocking_client()
    return bool(client.set(name, digest, nx=True, ex=REMEMBERED)) or client.get(name) == digest.encode()


def _digest_of(fields: Mapping[str, str], files: Sequence[MailFile]) -> str:
    """Of the whole mail: whoever has seen a signature could send anything under it that is left out here."""
    said = sorted(each for each in fields.items() if each[0] not in _SIGNED)
    brought = sorted((file.name, sha256(file.data).hexdigest()) for file in files)
    return sha256(json.dumps([said, brought]).encode()).hexdigest()


def read_form(request: HttpRequest) -> tuple[dict[str, str], list[MailFile]]:
    """The fields and files of a form. Not request.POST, which refuses fields of more than 2.5 MB for good.

    Raises Unreadable.
    """
    if request.content_type in URLENCODED:
        body = request.read(LARGEST + 1)
        # A megabyte of “%” takes most of a second: nobody but Mailgun may have that read.
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
        found = [MailFile(each.filename or "", each.raw) for _, each in files.iterallitems()]
        return {name: fields[name] for name in fields}, found
    except (MultipartError, UnicodeError, OSError) as error:
        raise Unreadable(f"the form: {error}") from error


def read_urlencoded(body: bytes, *, longest: int = LARGEST) -> dict[str, str]:
    """The fields whose names and values have at most `longest` bytes. Raises Unreadable.

    Not by urllib or what builds on it: that makes an object of each “%41”, some 20 times the body.
    """
    pairs = body.split(b"&", MOST_PARTS)
    if len(body) > LARGEST or len(pairs) > MOST_PARTS:
        raise Unreadable("the form: it is too large")
    found = (pair.partition(b"=") for pair in pairs)
    return {
        _unquoted(name): _unquoted(value)
        for name, _, value in found
        if name and len(name) <= longest and len(value) <= longest
    }


def _unquoted(value: bytes) -> str:
    """By pieces, and no “%41” is cut in two."""
    pieces, at = [], 0
    while at < len(value):
        end = at + PIECE
        cut = value.rfind(b"%", end - 2, end) if end < len(value) else -1
        end = end if cut == -1 else cut
        pieces.append(unquote_to_bytes(value[at:end].replace(b"+", b" ")))
        at = end
    return b"".join(pieces).decode(errors="replace")


def from_mailgun(said: Mapping[str, str], files: Sequence[MailFile]) -> Mail:
    """Of a form, as its routes forward it."""
    try:
        pairs = [(_text(name), _text(value)) for name, value in json.loads(said.get("message-headers", "[]"))]
    except (TypeError, ValueError, RecursionError) as error:
        raise Unreadable("message-headers") from error
    headers = _headers(pairs)
    headers.setdefault("message-id", said.get("Message-Id", ""))
    sender = said.get("from", "") or said.get("sender", "")
    spf = [value for name, value in pairs if name.lower() == "x-mailgun-spf"]
    return Mail(
        sender=_text(sender),
        recipients=[_text(said.get("recipient", ""))],
        headers=headers,
        text=_text(said.get("body-plain", "")),
        html=_text(said.get("body-html", "")),
        files=files,
        authenticated=_passed(spf, sender=sender, envelope=said.get("sender", "")),
    )


def is_postmark(authorization: str) -> bool:
    """Whether the password of the address that Postmark was given is ours."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    secret = pair.partition(":")[2]
    return scheme.lower() == "basic" and constant_time_compare(secret, settings.POSTMARK_SECRET)


def from_postmark(body: bytes) -> Mail:
    """Of the JSON of its inbound webhook."""
    try:
        said = json.loads(body)
        headers = _headers((each["Name"], each["Value"]) for each in said.get("Headers") or [])
        headers.setdefault("message-id", f"<{said['MessageID']}@inbound.postmarkapp.com>")
        headers.setdefault("date", _text(said.get("Date") or ""))
        headers.setdefault("subject", _text(said.get("Subject") or ""))
        spf = [
            _text(each["Value"])
            for each in said.get("Headers") or []
            if each["Name"].lower() == "received-spf"
        ]
        return Mail(
            sender=_text(said["FromFull"]["Email"]),
            recipients=[
                _text(said.get("OriginalRecipient") or ""),
                *(_text(each["Email"]) for each in said["ToFull"]),
            ],
            headers=headers,
            text=_text(said.get("TextBody") or ""),
            html=_text(said.get("HtmlBody") or ""),
            files=[_file(each) for each in said.get("Attachments") or []],
            authenticated=_passed(spf, sender=said["FromFull"]["Email"], envelope=_envelope_of(spf)),
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise Unreadable(_text(f"{type(error).__name__}: {error}"[:300])) from error


def _text(value: Any) -> str:
    """Text that can be stored: half a surrogate pair, which JSON can hold, becomes a question mark.

    Raises TypeError for what is no text.
    """
    if not isinstance(value, str):
        raise TypeError(f"a text is a {type(value).__name__}")
    return value.encode(errors="replace").decode()


def _file(said: Mapping[str, Any]) -> MailFile:
    return MailFile(_text(said["Name"]), base64.b64decode(said["Content"], validate=True))


def _headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {_text(name).lower(): _text(value) for name, value in pairs}


def _passed(results: Sequence[str], *, sender: str, envelope: str) -> bool:
    """Whether the provider found that the server of the sender's own domain sent it.

    What a sender wrote into the mail themself stands beside what the provider found: all of them must say so.
    """
    domains = [address_in(each).rpartition("@")[2].lower() for each in (sender, envelope)]
    return bool(results and domains[0]) and domains[0] == domains[1] and all(map(_says_pass, results))


def _says_pass(result: str) -> bool:
    return result.strip().lower().partition(" ")[0] == "pass"


def _envelope_of(results: Sequence[str]) -> str:
    found = [each.partition("envelope-from=")[2].partition(";")[0].strip() for each in results]
    return found[0].strip('"<>') if found and len(set(found)) == 1 else ""
