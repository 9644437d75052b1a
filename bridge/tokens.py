"""Tokens: by which a browser says who its visitor is. Signed, and each with a number, so that one can be revoked."""

import base64
import binascii
import secrets
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple

from django.core import signing
from django.utils import timezone
from django.utils.crypto import salted_hmac

from bridge.errors import BridgeError, Code

COOKIE_NAME = "chatbridge_visitor"
"""Set by the chat page, HttpOnly and SameSite=Lax, with a token as its value."""
COOKIE_AGE = 400 * 24 * 3600
"""Seconds. Browsers keep no cookie for longer; each visit to the page starts it again."""
VOUCHED_FOR = timedelta(days=1)
"""How long a token of an identified visitor counts at most. His site, or its login, gives him the next one."""

_signer = signing.Signer(salt="bridge.visitor")
# The visitor, when it was issued (milliseconds), a random number; of an identified visitor also until when it
# counts (seconds) and the digest of what he was identified by.
_ANONYMOUS = struct.Struct(">16sQ6s")
_IDENTIFIED = struct.Struct(">16sQ6sI12s")
_DIGEST = 12
"""Bytes: nobody gains by finding two things with one digest."""


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    visitor: uuid.UUID
    issued_at: datetime
    expires_at: datetime | None = None
    grant: str = ""
    """The digest of the login or the JWT it was issued for; empty where nobody vouches for the visitor."""

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


class Proof(NamedTuple):
    """What a session rests on: digests, any of which may be revoked, and since when it does."""

    digests: tuple[str, ...]
    since: datetime


def issue(visitor: uuid.UUID | None = None) -> Token:
    """A new token, by default of a visitor who was never here. Nothing is stored until he writes."""
    return _issue(_ANONYMOUS, visitor or uuid.uuid4())


def issue_identified(visitor: uuid.UUID, *, grant: str, until: datetime | None = None) -> Token:
    """For a visitor who was identified by what has this digest, until then or for a day, whichever ends first."""
    end = min(filter(None, (until, timezone.now() + VOUCHED_FOR)))
    return _issue(_IDENTIFIED, visitor, int(end.timestamp()), base64.urlsafe_b64decode(grant))


def _issue(layout: struct.Struct, visitor: uuid.UUID, *more: int | bytes) -> Token:
    now = int(timezone.now().timestamp() * 1000)
    value = layout.pack(visitor.bytes, now, secrets.token_bytes(6), *more)
    return _unpacked(value, _signer.sign(base64.urlsafe_b64encode(value).rstrip(b"=").decode()))


def read(text: str) -> Token:
    """What the token says, also where it is expired. Raises BridgeError (`not_identified`) for any other text.

    Whether it was revoked only the database knows.
    """
    try:
        # Compares in constant time.
        value = _signer.unsign(text)
        return _unpacked(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)), text)
    except (signing.BadSignature, binascii.Error, ValueError, struct.error, OverflowError):
        raise not_ours() from None


def _unpacked(value: bytes, text: str) -> Token:
    if len(value) == len(uuid.UUID(int=0).bytes):
        # Of an earlier version, without a number. The next page that its visitor loads replaces it.
        return Token(text, uuid.UUID(bytes=value), datetime.fromtimestamp(0, UTC))
    if len(value) == _ANONYMOUS.size:
        visitor, issued, _ = _ANONYMOUS.unpack(value)
        return Token(text, uuid.UUID(bytes=visitor), _moment(issued / 1000))
    visitor, issued, _, until, grant = _IDENTIFIED.unpack(value)
    named = base64.urlsafe_b64encode(grant).decode()
    return Token(text, uuid.UUID(bytes=visitor), _moment(issued / 1000), _moment(until), named)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def successor(token: Token, *, number: int) -> uuid.UUID:
    """The visitor that a token stands for which stands for its own no more: in all tabs the same.

    `number`: of several, one after the other.
    """
    made = salted_hmac("bridge.visitor.successor", f"{number} {token.text}", algorithm="sha256")
    return uuid.UUID(bytes=made.digest()[:16], version=4)


def digest(text: str) -> str:
    """What is kept of a secret, to know it again: of a token, a JWT, a login's session key."""
    made = salted_hmac("bridge.revoked", text, algorithm="sha256")
    return base64.urlsafe_b64encode(made.digest()[:_DIGEST]).decode()


def visitor_digest(visitor: uuid.UUID) -> str:
    """Under which all tokens of a visitor are revoked that were issued until then."""
    return digest(f"visitor {visitor}")


def nameless_digest(visitor: uuid.UUID) -> str:
    """Under which his anonymous tokens are revoked: once somebody vouches for him, they are not his any more."""
    return digest(f"nameless {visitor}")


def public_id(visitor: uuid.UUID) -> str:
    """What others may know a visitor by. It says nothing about his token."""
    return salted_hmac("bridge.visitor.public", visitor.bytes, algorithm="sha256").hexdigest()[:32]


def not_ours() -> BridgeError:
    return BridgeError(Code.NOT_IDENTIFIED, "This token is not one of ours.")


def cookie_in(cookies: str, name: str) -> str | None:
    """The value of one cookie in a Cookie header."""
    try:
        morsel = SimpleCookie(cookies).get(name)
    except CookieError:
        return None
    return morsel.value if morsel else None
