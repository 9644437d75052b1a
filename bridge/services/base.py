"""The base class of services: a class describes a service, and its object performs one request at a time."""

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
    """Deliver the waiting deliveries now."""


@dataclass(frozen=True)
class Hold:
    """Make no request until then, and repeat none."""

    until: datetime


@dataclass(frozen=True)
class Drop:
    """Never deliver these, because the service does not need them. The rest is considered again."""

    deliveries: Sequence[Delivery]

    def __post_init__(self) -> None:
        if not self.deliveries:
            raise ValueError("Drop needs at least one delivery: without one, return Go.")


Verdict = Go | Hold | Drop


class FileLimits(NamedTuple):
    """Maximum bytes of one file, and of all files of one message together."""

    largest: int
    together: int


class SetupError(Exception):
    """A service's own process cannot work with this configuration. The text is for the person who started it."""


class Process(Protocol):
    """A service's own process."""

    async def run(self) -> None:
        """Run until `stop`. Raises SetupError if only a person can solve the problem."""

    def stop(self) -> None:
        """Finish what has begun, then end."""


class Joining(Enum):
    """Which of the messages that wait for an endpoint are joined into one (rule 9)."""

    NONE = "none"
    AUTHOR = "author"
    """Consecutive plain messages of one author, as long as they fit."""
    ALL = "all"
    """All waiting messages, as long as they fit."""


class Service(ABC):
    """Performs one request at a time. It has no state that delivery depends on, and makes no decisions.

    The class describes the service and is used in every process. An object is created only in the process that makes
    its deliveries.
    """

    name: ClassVar[str]
    id_type: ClassVar[type[str] | type[int] | type[UUID]] = str
    """The type in which an endpoint's remote id is returned. It is stored as text."""
    max_length: ClassVar[int]
    """Maximum length of a message in UTF-16 units, the strictest of the usual ways to count."""
    joins: ClassVar[Joining] = Joining.AUTHOR
    idempotent: ClassVar[bool] = False
    """Whether a post that is repeated with the same nonce is stored once. Then a post with an unknown result is simply
    repeated. Other services are asked with ReadBack whether they have it."""
    reports: ClassVar[bool] = True
    """Whether people read there. If so, what it has stored counts as delivered and what it refuses as failed.
    Otherwise visitors are not told about either."""
    hosted: ClassVar[bool] = True
    """Whether `run_services` makes its deliveries. Then its class is called without arguments. Other services have
    their own process."""
    longest_pause: ClassVar[timedelta] = timedelta(minutes=2)
    """The longest pause between two attempts after temporary failures. The first pause is half a second, and each
    following one is twice as long."""

    file_limits: ClassVar[FileLimits] = FileLimits(0, 0)
    """Files within these limits are sent with their message. The text has links to the others."""
    image_origins: ClassVar[Sequence[str]] = ()
    """Origins from which browsers may load pictures, e.g. avatars."""
    reasons: ClassVar[Mapping[str, str]] = {}
    """For each reason of its failures: what it means, and what staff can do."""

    @classmethod
    def places(cls, connection: Connection) -> Sequence[str | None]:
        """Return the remote ids of a new connection's endpoints; None for an endpoint that has to be opened first.

        Called in the transaction that opens the connection, so it makes few queries and no other requests.
        """
        return (None,)

    @classmethod
    def patience(cls, failure: DeliveryFailed) -> timedelta | None:
        """Return for how long to retry after this temporary failure before giving up; None: without limit.

        The time is counted from the line's first failure or from the message, whichever is later.
        """
        return None

    @classmethod
    def reaches_visitor(cls, endpoint: Endpoint) -> bool:
        """Return whether the visitor of a private conversation receives staff's messages there.

        Called in a transaction.
        """
        return False

    @classmethod
    def url_of(cls, endpoint: Endpoint) -> str:
        """Return the address where staff can see an opened endpoint in a browser; empty if there is none."""
        return ""

    @classmethod
    def emoji_url(cls, emoji: int, kind: str, *, size: int) -> str:
        """Return the address of a custom emoji's picture with a side of `size` pixels; empty if there is none."""
        return ""

    @classmethod
    def register_admin(cls) -> None:
        """Register its models. Called once, when the admin is loaded."""
        return

    @classmethod
    def process(cls) -> Process:
        """Return its own process, for a service that is not `hosted`. Raises SetupError."""
        raise SetupError("This service has no process of its own.")

    def consider(self, waiting: Sequence[Delivery], endpoint: Endpoint, *, now: datetime) -> Verdict:
        """Decide what to do with the waiting deliveries, oldest first. Their messages and authors are loaded.

        Called before each request, in a transaction.
        """
        return Go()

    @classmethod
    def urls(cls) -> Sequence[Any]:
        """Return URL patterns for incoming HTTP requests, under `services/<name>/`, in the namespace `bridge:<name>`.

        These requests are not authenticated by cookies. So the views are exempt from Django's CSRF check and
        authenticate the requests themselves.
        """
        return ()

    def author_prefix(self, author: Participant) -> str:
        """Return the prefix that names the author, for staff of another service in a private conversation. Pure."""
        return ""

    def format_text(self, text: str, inbox: Inbox) -> str:
        """Convert a visitor's text to the service's format. Pure, because it is called again before each request."""
        return text

    def format_notice(self, text: str) -> str:
        """Convert a notice, e.g. that the chat was ended, to the service's format. Pure."""
        return text

    def format_quote(self, message: Message, place: str, remote_id: str | None) -> str:
        """Return a line that quotes this message before a reply to it in a room. `remote_id`: its id in the service."""
        return ""

    @abstractmethod
    async def perform(self, request: Request) -> Answer:
        """Perform a request. Raises DeliveryFailed, which says whether it is permanent and whether it is certain."""

    async def close(self) -> None:
        """Release its resources, because its process stops."""
        return
