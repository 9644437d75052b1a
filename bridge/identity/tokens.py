"""Tokens: by which a browser says who its visitor is. Signed, and each with a number, so that one can be revoked."""

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
"""The same over HTTPS: browsers take it from this very host alone, not from another one of its domain."""
PLAIN_UNTIL = datetime(2027, 3, 1, tzinfo=UTC)
"""Over HTTPS a token in the plain cookie counts where it was issued before, by a version that knew no other."""
COOKIE_AGE = 400 * 24 * 3600
"""Seconds. Browsers keep no cookie for longer; each visit to the page starts it again."""
VOUCHED_FOR = timedelta(days=1)
"""How long a token of an identified visitor counts at most. His site, or its login, gives him the next one."""

# The visitor, when it was issued (milliseconds), a random number; of an identified visitor also until when it
# counts (seconds) and the digest of what he was identified by.
_ANONYMOUS = struct.Struct(">16sQ6s")
_IDENTIFIED = struct.Struct(">16sQ6sI12s")
_EPOCH = datetime.fromtimestamp(0, UTC)
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
    signed_with: int = 0
    """Which of `signing_keys` signed it: 0 is SECRET_KEY."""

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_dated(self) -> bool:
        """It was signed with a key that counts for a while only, or has no number: another one takes its place."""
        return self.signed_with > 0 or self.issued_at == _EPOCH


def signing_keys() -> tuple[str | bytes, ...]:
    """What is signed here counts with any of them: SECRET_KEY, and those that it was before."""
    return (project.SECRET_KEY, *project.SECRET_KEY_FALLBACKS)


def _signer(key: str | bytes | None = None) -> signing.Signer:
    return signing.Signer(key=key, salt="bridge.visitor", fallback_keys=[])


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
    return _unpacked(value, _signer().sign(base64.urlsafe_b64encode(value).rstrip(b"=").decode()))


def read(text: str) -> Token:
    """What the token says, also where it is expired. Raises BridgeError (`not_identified`) for any other text.

    Whether it was revoked only the database knows.
    """
    for number, key in enumerate(signing_keys()):
        try:
            # Compares in constant time, and the text as a whole: no other spelling of it counts.
            value = _signer(key).unsign(text)
            whole = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
            return _unpacked(whole, text, signed_with=number)
        except (signing.BadSignature, binascii.Error, ValueError, struct.error, OverflowError):
            continue
    raise BridgeError(Code.NOT_IDENTIFIED, "This token is invalid.")


def _unpacked(value: bytes, text: str, *, signed_with: int = 0) -> Token:
    if len(value) == len(uuid.UUID(int=0).bytes):
        # Of an earlier version, without a number.
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
    """The visitor that a token stands for which stands for its own no more: in all tabs the same.

    `number`: of several, one after the other.
    """
    said, key = f"{number} {token.text}", signing_keys()[token.signed_with]
    made = salted_hmac("bridge.visitor.successor", said, secret=key, algorithm="sha256")
    return uuid.UUID(bytes=made.digest()[:16], version=4)


def digests(text: str) -> tuple[str, ...]:
    """What is kept of a secret, to know it again: of a token, a JWT, a login's session key. The one that counts now,
    and those that counted with the keys before: what was revoked then stays revoked.

    `text` must be what cannot be spelled in another way, or whoever has it could come with another spelling.
    """
    made = (salted_hmac("bridge.revoked", text, secret=key, algorithm="sha256") for key in signing_keys())
    return tuple(base64.urlsafe_b64encode(each.digest()[:_DIGEST]).decode() for each in made)


def visitor_digests(visitor: uuid.UUID) -> tuple[str, ...]:
    """Under which all tokens of a visitor are revoked that were issued until then."""
    return digests(f"visitor {visitor}")


def nameless_digests(visitor: uuid.UUID) -> tuple[str, ...]:
    """Under which his anonymous tokens are revoked: once somebody vouches for him, they are not his any more."""
    return digests(f"nameless {visitor}")


def public_id(visitor: uuid.UUID) -> str:
    """What others may know a visitor by. It says nothing about his token."""
    return salted_hmac("bridge.visitor.public", visitor.bytes, algorithm="sha256").hexdigest()[:32]


def in_cookies(find: Callable[[str], str | None], *, secure: bool) -> str | None:
    """The token in a request's cookies. `find`: the value of one of them; `secure`: it came over HTTPS."""
    plain = find(COOKIE_NAME)
    if found := find(SECURE_COOKIE_NAME):
        return found
    if secure and plain:
        with suppress(BridgeError):
            return plain if read(plain).issued_at < PLAIN_UNTIL else None
    return plain
