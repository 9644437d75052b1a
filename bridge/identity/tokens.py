"""Tokens, which identify the visitor of a browser. Each is signed and has a number, so that it can be revoked."""

import base64
import binascii
import secrets
import struct
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings as project
from django.core import signing
from django.utils import timezone
from django.utils.crypto import salted_hmac

from bridge.errors import BridgeError, Code

COOKIE_NAME = "chatbridge_visitor"
"""Set by the chat page, HttpOnly and SameSite=Lax, with a token as its value."""
SECURE_COOKIE_NAME = f"__Host-{COOKIE_NAME}"
"""The name over HTTPS: browsers accept such a cookie only from this host, not from another host of its domain."""
PLAIN_UNTIL = datetime(2027, 3, 1, tzinfo=UTC)
"""Over HTTPS, a token in the plain cookie is accepted if it was issued before, by a version without the other one."""
COOKIE_AGE = 400 * 24 * 3600
"""Seconds, the maximum in browsers. Each visit to the page sets the cookie again."""
VOUCHED_FOR = timedelta(days=1)
"""How long a token of an identified visitor is valid at most. Their site or login gets them the next one."""

# The visitor, the time of issue (milliseconds) and a random number; for an identified visitor also the expiry
# (seconds) and the digest of what identified them.
_ANONYMOUS = struct.Struct(">16sQ6s")
_IDENTIFIED = struct.Struct(">16sQ6sI12s")
_EPOCH = datetime.fromtimestamp(0, UTC)
_DIGEST = 12
"""Bytes. This is short, but two things with the same digest would not help anybody."""


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    visitor: uuid.UUID
    issued_at: datetime
    expires_at: datetime | None = None
    grant: str = ""
    """The digest of the login or the JWT for which it was issued; empty for anonymous visitors."""
    signed_with: int = 0
    """Which of `signing_keys` signed it: 0 is SECRET_KEY."""

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_dated(self) -> bool:
        """Whether it should be replaced: it was signed with a former key, or has no number."""
        return self.signed_with > 0 or self.issued_at == _EPOCH


def signing_keys() -> tuple[str | bytes, ...]:
    """The keys whose signatures are accepted: SECRET_KEY and its former values."""
    return (project.SECRET_KEY, *project.SECRET_KEY_FALLBACKS)


def _signer(key: str | bytes | None = None) -> signing.Signer:
    return signing.Signer(key=key, salt="bridge.visitor", fallback_keys=[])


def issue(visitor: uuid.UUID | None = None) -> Token:
    """A new token, by default for a new visitor. Nothing is stored until they write."""
    return _issue(_ANONYMOUS, visitor or uuid.uuid4())


def issue_identified(visitor: uuid.UUID, *, grant: str, until: datetime | None = None) -> Token:
    """A new token for an identified visitor. Valid until `until`, at most for a day. `grant`: see `Token.grant`."""
    end = min(filter(None, (until, timezone.now() + VOUCHED_FOR)))
    return _issue(_IDENTIFIED, visitor, int(end.timestamp()), base64.urlsafe_b64decode(grant))


def _issue(layout: struct.Struct, visitor: uuid.UUID, *more: int | bytes) -> Token:
    now = int(timezone.now().timestamp() * 1000)
    value = layout.pack(visitor.bytes, now, secrets.token_bytes(6), *more)
    return _unpacked(value, _signer().sign(base64.urlsafe_b64encode(value).rstrip(b"=").decode()))


def read(text: str) -> Token:
    """The content of a token, even if it has expired. Raises BridgeError (`not_identified`) for any other text.

    Does not check whether it was revoked, which only the database knows.
    """
    for number, key in enumerate(signing_keys()):
        try:
            # Compares in constant time, and the whole text, so no other spelling is accepted.
            value = _signer(key).unsign(text)
            whole = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
            return _unpacked(whole, text, signed_with=number)
        except (signing.BadSignature, binascii.Error, ValueError, struct.error, OverflowError):
            continue
    raise BridgeError(Code.NOT_IDENTIFIED, "This token is invalid.")


def _unpacked(value: bytes, text: str, *, signed_with: int = 0) -> Token:
    if len(value) == len(uuid.UUID(int=0).bytes):
        # From an earlier version, without a number.
        return Token(text, uuid.UUID(bytes=value), _EPOCH, signed_with=signed_with)
    if len(value) == _ANONYMOUS.size:
        visitor, issued, _ = _ANONYMOUS.unpack(value)
        return Token(text, uuid.UUID(bytes=visitor), _moment(issued / 1000), signed_with=signed_with)
    visitor, issued, _, until, grant = _IDENTIFIED.unpack(value)
    named = base64.urlsafe_b64encode(grant).decode()
    moments = _moment(issued / 1000), _moment(until)
    return Token(text, uuid.UUID(bytes=visitor), *moments, named, signed_with)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def successor(token: Token, *, number: int) -> uuid.UUID:
    """The new visitor for a token that no longer identifies its own visitor, the same in all tabs.

    `number`: there are several, to be tried one after the other.
    """
    text, key = f"{number} {token.text}", signing_keys()[token.signed_with]
    made = salted_hmac("bridge.visitor.successor", text, secret=key, algorithm="sha256")
    return uuid.UUID(bytes=made.digest()[:16], version=4)


def digests(text: str) -> tuple[str, ...]:
    """What is stored of a secret (a token, a JWT, a login's session key) to recognise it. The first is the current
    digest. The others belong to former keys, so that what was revoked with them stays revoked.

    `text` must have only one spelling. Otherwise another spelling would not be recognised.
    """
    made = (salted_hmac("bridge.revoked", text, secret=key, algorithm="sha256") for key in signing_keys())
    return tuple(base64.urlsafe_b64encode(mac.digest()[:_DIGEST]).decode() for mac in made)


def visitor_digests(visitor: uuid.UUID) -> tuple[str, ...]:
    """The digests that revoke all tokens of a visitor issued until then."""
    return digests(f"visitor {visitor}")


def nameless_digests(visitor: uuid.UUID) -> tuple[str, ...]:
    """The digests that revoke a visitor's anonymous tokens, which become invalid as soon as they are identified."""
    return digests(f"nameless {visitor}")


def public_id(visitor: uuid.UUID) -> str:
    """A visitor's ID for others. It reveals nothing about their token."""
    return salted_hmac("bridge.visitor.public", visitor.bytes, algorithm="sha256").hexdigest()[:32]


def in_cookies(find: Callable[[str], str | None], *, secure: bool) -> str | None:
    """The token in a request's cookies. `find` returns the value of a cookie. `secure`: the request used HTTPS."""
    plain = find(COOKIE_NAME)
    if cookie := find(SECURE_COOKIE_NAME):
        return cookie
    if secure and plain:
        with suppress(BridgeError):
            return plain if read(plain).issued_at < PLAIN_UNTIL else None
    return plain
