"""What a service is: a class that describes it, and an object that performs one request at a time."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, ClassVar, NamedTuple, Protocol
from uuid import UUID

from bridge.errors import DeliveryFailed
from bridge.models import Connection, Delivery, Endpoint, Inbox, Message, Participant
from bridge.services.requests import Answer, Request


@dataclass(frozen=True)
class Go:
    """What waits goes now."""


@dataclass(frozen=True)
class Hold:
    """Nothing is asked until then, also nothing again."""

    until: datetime


@dataclass(frozen=True)
class Drop:
    """Nobody needs these there, or not any more: they never go. The rest is considered anew."""

    deliveries: Sequence[Delivery]

    def __post_init__(self) -> None:
        if not self.deliveries:
            raise ValueError("Drop needs at least one delivery: without one, return Go.")


Verdict = Go | Hold | Drop


class FileLimits(NamedTuple):
    """Bytes of one file, and of all files of one message."""

    largest: int
    together: int


class SetupError(Exception):
    """A service's own process cannot work like this; the sentence is for whoever started it."""


class Process(Protocol):
    """A service's own process."""

    async def run(self) -> None:
        """Until `stop`. Raises SetupError where only a person can help."""

    def stop(self) -> None:
        """Finish what is in hand, then end."""


class Joining(Enum):
    """Which of the messages that wait for an endpoint go as one (rule 9)."""

    NONE = "none"
    AUTHOR = "author"
    """Plain ones of one author that follow each other, as long as they fit."""
    ALL = "all"
    """Whatever waits, as long as it fits."""


class Service(ABC):
    """Carries one request at a time. It keeps no state that delivery depends on, and decides nothing.

    The class says what its service is like; that is asked in every process. An object of it is made only in the
    process that carries its deliveries.
    """

    name: ClassVar[str]
    id_type: ClassVar[type[str] | type[int] | type[UUID]] = str
    """Of an endpoint's remote id: stored as text, given back as this."""
    max_length: ClassVar[int]
    """Characters in one message, counted in UTF-16 units: the strictest way that anybody counts."""
    joins: ClassVar[Joining] = Joining.AUTHOR
    idempotent: ClassVar[bool] = False
    """A post that comes again under the same nonce is stored once, so one of unknown fate is just repeated. Others
    are asked with ReadBack whether they have it."""
    reports: ClassVar[bool] = True
    """Somebody reads there: what it has counts as delivered, what it refuses as failed. Otherwise the visitor is not
    told of it."""
    hosted: ClassVar[bool] = True
    """Carried by `run_services`. Its class is called without arguments. Others have a process of their own."""
    longest_pause: ClassVar[timedelta] = timedelta(minutes=2)
    """Between two tries of what fails for now. The first is half a second, each further one twice as long."""

    file_limits: ClassVar[FileLimits] = FileLimits(0, 0)
    """What goes along with a message. The text has links to the other files."""
    image_origins: ClassVar[Sequence[str]] = ()
    """From where a browser may load pictures, e.g. of those who write there."""
    reasons: ClassVar[Mapping[str, str]] = {}
    """What the reasons of its failures mean, and what staff can do."""

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        """The remote ids of the endpoints that a new connection gets here; None for one that has to be opened first.

        Within the transaction that opens it, so it asks the database for little and nobody else for anything.
        """
        return (None,)

    @classmethod
    def patience(cls, failure: DeliveryFailed) -> timedelta | None:
        """How long something that fails so, for now, is tried until it counts as failed; None: as long as it takes.

        Counted from when its line began to fail, or from when it was said, whichever is later.
        """
        return None

    @classmethod
    def reaches_visitor(cls, endpoint: Endpoint) -> bool:
        """Whether the visitor of a private conversation gets there what staff say. Within a transaction."""
        return False

    @classmethod
    def url_of(cls, endpoint: Endpoint) -> str:
        """Where staff can see an opened endpoint in a browser; empty where they cannot."""
        return ""

    @classmethod
    def emoji_url(cls, emoji: int, kind: str, *, size: int) -> str:
        """Where the picture of a custom emoji can be fetched, with a side of `size` pixels; empty where it has none."""
        return ""

    @classmethod
    def register_admin(cls) -> None:
        """Called once, when the admin is loaded."""
        return

    @classmethod
    def process(cls) -> Process:
        """Its own process, for one that is not `hosted`. Raises SetupError."""
        raise SetupError("This service has no process of its own.")

    def consider(self, waiting: Sequence[Delivery], endpoint: Endpoint, *, now: datetime) -> Verdict:
        """Whether what waits goes there now, oldest first; their messages and authors are loaded.

        Asked before each request, within a transaction.
        """
        return Go()

    @classmethod
    def urls(cls) -> Sequence[Any]:
        """Django URL patterns under `services/<name>/`, for what comes in by HTTP. In the namespace `bridge:<name>`.

        No cookie says who asks there, so their views are exempt from Django's CSRF check and look for themselves.
        """
        return ()

    def author_prefix(self, author: Participant) -> str:
        """What stands before what staff say from elsewhere in a private conversation, where nothing else there says
        who it is. Pure."""
        return ""

    def format_text(self, text: str, inbox: Inbox) -> str:
        """What a visitor wrote, as it is said over there. Pure: it is asked again before each request."""
        return text

    def format_notice(self, text: str) -> str:
        """What nobody said but happened, e.g. that the chat was ended, as it looks over there. Pure."""
        return text

    def format_quote(self, message: Message, place: str, remote_id: str | None) -> str:
        """In a room, one line that says what a reply answers: this message, which is `remote_id` over there."""
        return ""

    @abstractmethod
    async def perform(self, request: Request) -> Answer:
        """Raises DeliveryFailed: permanent or not, certain or not."""

    async def close(self) -> None:
        """Let go of what it holds: its process stops."""
        return
