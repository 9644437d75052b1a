"""Who is on a socket: the visitor, as his signed token says."""

import base64
import binascii
import uuid
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from django.core import signing
from django.utils.crypto import salted_hmac

from bridge.errors import BridgeError, Code

if TYPE_CHECKING:
    from bridge.actions import Opening, Target

COOKIE_NAME = "chatbridge_visitor"
"""Set by the chat page, HttpOnly and SameSite=Lax, with a token as its value."""
COOKIE_AGE = 400 * 24 * 3600
"""Seconds. Browsers keep no cookie for longer; each visit to the page starts it again."""

_signer = signing.Signer(salt="bridge.visitor")


def new_token() -> str:
    """The token of a visitor who was never here. Nothing is stored until he writes."""
    return token_for(uuid.uuid4())


def token_for(visitor: uuid.UUID) -> str:
    return _signer.sign(base64.urlsafe_b64encode(visitor.bytes).rstrip(b"=").decode())


def read_token(text: str) -> uuid.UUID:
    """The visitor whose token this is. Raises BridgeError (`not_identified`) for any other text."""
    try:
        # Compares in constant time.
        value = _signer.unsign(text)
        return uuid.UUID(bytes=base64.urlsafe_b64decode(value + "=="))
    except (signing.BadSignature, binascii.Error, ValueError):
        raise BridgeError(Code.NOT_IDENTIFIED, "This token is not one of ours.") from None


def public_id(visitor: uuid.UUID) -> str:
    """What others may know a visitor by. It says nothing about his token."""
    return salted_hmac("bridge.visitor.public", visitor.bytes, algorithm="sha256").hexdigest()[:32]


def token_in_cookies(header: str) -> str | None:
    try:
        morsel = SimpleCookie(header).get(COOKIE_NAME)
    except CookieError:
        return None
    return morsel.value if morsel else None


@dataclass(slots=True, eq=False)
class Session:
    """A visitor on one socket, from `session.start` to the socket's end."""

    visitor: uuid.UUID
    inbox: int
    inbox_name: str
    address: str
    opening: "Opening"
    connections: "dict[str, Target]" = field(default_factory=dict)
    """His own conversations, by uid, as far as this socket had to do with them. They never change hands."""

    @property
    def key(self) -> str:
        return f"{self.visitor}"
