"""Who is on a socket: the visitor, as his signed token says."""

import base64
import binascii
import uuid
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from django.core import signing
from django.utils.crypto import salted_hmac

from bridge.broadcast import Hub, Listener
from bridge.database import DatabaseThreads
from bridge.errors import BridgeError, Code
from bridge.presence import Presence
from bridge.speaking import Opening, Target

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


def token_in(cookies: str) -> str | None:
    """The visitor's token in a Cookie header."""
    try:
        morsel = SimpleCookie(cookies).get(COOKIE_NAME)
    except CookieError:
        return None
    return morsel.value if morsel else None


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a socket came in, before anybody said who he is."""

    address: str
    user_agent: str
    origin: str
    """The page's origin where that is another site; empty for our own pages and for clients without one."""
    token: str | None
    """From the cookie of our own page."""


@dataclass(slots=True, eq=False)
class Session:
    """One socket's visitor. Without `visitor` until `session.start`."""

    arrival: Arrival
    hub: Hub
    listener: Listener
    presence: Presence
    database: DatabaseThreads
    visitor: uuid.UUID | None = None
    opening: Opening | None = None
    """What a conversation that he opens now would know of him."""
    open_connection: str | None = None
    """The conversation in which he goes on where a message names none, as far as this socket knows."""
    connections: dict[str, Target] = field(default_factory=dict)
    """His own conversations, as far as this socket had to do with them. They never change hands."""
    following: set[str] = field(default_factory=set)
    heard_as: str = ""
    """The visitor whose new conversations it hears of: already while its session is about to start."""

    @property
    def who(self) -> uuid.UUID:
        if self.visitor is None:
            raise BridgeError(Code.NOT_IDENTIFIED, "Start a session first.")
        return self.visitor

    @property
    def start(self) -> Opening:
        if self.opening is None:
            raise BridgeError(Code.NOT_IDENTIFIED, "Start a session first.")
        return self.opening

    def hear_as(self, visitor: uuid.UUID) -> None:
        """Hear of the conversations that this visitor opens elsewhere."""
        # A start that failed half-way may be tried again as somebody else, who inherits nothing.
        self.end()
        self.connections.clear()
        self.heard_as = str(visitor)
        self.hub.join_visitor(self.listener, self.heard_as)

    def know(self, target: Target) -> None:
        self.connections[target.uid] = target
        self.follow(target.uid)

    def forget_open(self, connection: str) -> None:
        if self.open_connection == connection:
            self.open_connection = None

    def follow(self, connection: str) -> None:
        """Hear this conversation's events from now on."""
        if connection not in self.following:
            self.following.add(connection)
            self.hub.join(self.listener, connection)
            self.presence.arrive(connection)

    def end(self) -> None:
        self.hub.leave(self.listener, self.following, self.heard_as)
        for connection in self.following:
            self.presence.leave(connection)
        self.following.clear()
