"""The session of a socket or a request: its visitor, and the conversations and rooms that they use."""

import uuid
from dataclasses import dataclass, field

from bridge.chat.access import Viewer
from bridge.chat.moderation import Proof
from bridge.chat.publishing import pages_of
from bridge.chat.speaking import Opening, Target
from bridge.errors import BridgeError, Code
from bridge.identity.contacts import Identity
from bridge.identity.handshake import Handshake
from bridge.infra.database import DatabaseThreads
from bridge.live.hub import Hub, Listener
from bridge.presence.registry import Registry
from bridge.presence.shared import Scope


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """How a socket gets events."""

    hub: Hub
    listener: Listener


@dataclass(slots=True, eq=False)
class Session:
    """The session of one socket or one request. `visitor` is None until `session.start`."""

    handshake: Handshake
    presence: Registry
    database: DatabaseThreads
    subscriptions: Subscriptions | None = None
    """None for a request over HTTP: it gets no events, and nobody sees that its visitor is online."""
    visitor: uuid.UUID | None = None
    identity: Identity | None = None
    """None if no site vouches for them."""
    proof: Proof | None = None
    opening: Opening | None = None
    """What is stored about the visitor if they open a conversation now."""
    open_connection: str | None = None
    """The conversation for a message that names none, if this socket knows it."""
    connections: dict[str, Target] = field(default_factory=dict)
    """The visitor's own conversations that this socket has used, and the rooms that they joined on it."""
    rooms: dict[str, str] = field(default_factory=dict)
    """The uids of the rooms that they are in, each with the uid of their participant."""
    following: set[str] = field(default_factory=set)
    subscribed_as: tuple[str, ...] = ()
    """The hub's names for the visitor, in all inboxes and in this one. Set before the session starts."""

    @property
    def name(self) -> str:
        """The socket's name, to which its own events are not sent; "" without a socket."""
        return self.subscriptions.listener.name if self.subscriptions else ""

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

    @property
    def viewer(self) -> Viewer:
        return Viewer(self.who, self.start.inbox, tuple(self.rooms))

    def subscribe_visitor(self, visitor: uuid.UUID, *, inbox: int) -> None:
        """Get events of conversations that this visitor opens elsewhere, and of their earlier ones."""
        # A start that failed may be tried again as another visitor, who must not inherit anything.
        self.end(clean=True)
        self.connections.clear()
        self.subscribed_as = (str(visitor), pages_of(visitor, inbox))
        if self.subscriptions:
            self.subscriptions.hub.join(self.subscriptions.listener, *self.subscribed_as)

    def begin(
        self, opening: Opening, *, identity: Identity | None = None, proof: Proof | None = None
    ) -> None:
        """Make this the visitor's session. From now on, others may see that they are online."""
        self.opening, self.identity, self.proof = opening, identity, proof
        self.visitor = opening.visitor
        if self.subscriptions:
            scope = Scope("inbox", opening.inbox)
            self.presence.arrive(scope, opening.visitor.hex, identified=identity is not None)

    def know(self, target: Target) -> None:
        self.connections[target.uid] = target
        self.follow(target.uid)

    def forget_open(self, connection: str) -> None:
        if self.open_connection == connection:
            self.open_connection = None

    def follow(self, connection: str) -> None:
        """Get the events of this conversation from now on."""
        if connection not in self.following:
            self.following.add(connection)
            if self.subscriptions:
                self.subscriptions.hub.join(self.subscriptions.listener, connection)

    def enter(self, target: Target) -> None:
        """Enter a room: get its events, be able to write in it, and be one of its members."""
        self.know(target)
        if target.author is not None and target.uid not in self.rooms:
            self.rooms[target.uid] = target.author["id"]
            if self.subscriptions:
                self.presence.arrive(Scope("room", target.uid), target.author["id"], author=target.author)

    def leave(self, room: str) -> None:
        participant = self.rooms.pop(room)
        self.connections.pop(room, None)
        self.following.discard(room)
        if self.subscriptions:
            self.presence.leave(Scope("room", room), participant, at_once=True)
            self.subscriptions.hub.leave(self.subscriptions.listener, room)

    def end(self, *, clean: bool) -> None:
        """End the session: it gets no more events. `clean`: the browser closed the socket itself."""
        if self.subscriptions:
            for room, participant in self.rooms.items():
                self.presence.leave(Scope("room", room), participant, clean=clean)
            self.subscriptions.hub.leave(self.subscriptions.listener, *self.following, *self.subscribed_as)
            if self.visitor and self.opening:
                scope = Scope("inbox", self.opening.inbox)
                self.presence.leave(scope, self.visitor.hex, identified=self.identity is not None)
        self.rooms.clear()
        self.following.clear()
