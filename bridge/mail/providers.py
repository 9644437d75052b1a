"""Mails as Mailgun and Postmark hand them over, and how each proves that it is him."""

import base64
import binascii
import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from bridge import presence
from bridge.conf import settings
from bridge.mail.incoming import Mail, MailFile

OLDEST = timedelta(hours=10)
"""Mailgun tries for eight hours to hand a mail over."""
REMEMBERED = 2 * OLDEST


class Unreadable(Exception):
    """It is not what this provider sends."""


def is_mailgun(fields: Mapping[str, str]) -> bool:
    """Whether Mailgun signed this, not long ago, and for no other mail: its signature covers only a time and a token.

    Raises RedisError where Redis is away: then it is brought again.
    """
    stamp, token = fields.get("timestamp", ""), fields.get("token", "")
    key = settings.MAILGUN_SIGNING_KEY.encode()
    expected = hmac.new(key, f"{stamp}{token}".encode(), sha256).hexdigest()
    if not constant_time_compare(expected, fields.get("signature", "")) or not stamp.isdecimal():
        return False
    if abs(timezone.now().timestamp() - int(stamp)) > OLDEST.total_seconds():
        return False
    return _is_first(token, fields)


def _is_first(token: str, fields: Mapping[str, str]) -> bool:
    """Whether this token came with this mail before, or never."""
    name = f"chatbridge:mailgun:{sha256(token.encode()).hexdigest()}"
    parts = (fields.get(each, "") for each in ("recipient", "from", "body-plain", "stripped-text"))
    digest = sha256("\x00".join(parts).encode()).hexdigest()
    with presence.blocking_client() as client:
        if client.set(name, digest, nx=True, ex=REMEMBERED):
            return True
        return bool(client.get(name) == digest.encode())


def from_mailgun(request: HttpRequest) -> Mail:
    """Of a form, as its routes forward it."""
    said = request.POST
    try:
        pairs = json.loads(said.get("message-headers", "[]"))
        headers = _headers((str(name), str(value)) for name, value in pairs)
    except (TypeError, ValueError) as error:
        raise Unreadable("message-headers") from error
    headers.setdefault("message-id", said.get("Message-Id", ""))
    return Mail(
        sender=said.get("from", "") or said.get("sender", ""),
        recipients=[said.get("recipient", "")],
        headers=headers,
        text=said.get("body-plain", ""),
        html=said.get("body-html", ""),
        stripped=said.get("stripped-text", ""),
        files=[
            MailFile(each.name or "", each.read())
            for name in request.FILES
            for each in request.FILES.getlist(name)
        ],
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
        headers.setdefault("date", said.get("Date") or "")
        return Mail(
            sender=said["FromFull"]["Email"],
            recipients=[said.get("OriginalRecipient") or "", *(each["Email"] for each in said["ToFull"])],
            headers=headers,
            text=said.get("TextBody") or "",
            html=said.get("HtmlBody") or "",
            stripped=said.get("StrippedTextReply") or "",
            files=[_file(each) for each in said.get("Attachments") or []],
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(str(error)) from error


def _file(said: Mapping[str, Any]) -> MailFile:
    return MailFile(str(said["Name"]), base64.b64decode(said["Content"], validate=True))


def _headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in pairs}
