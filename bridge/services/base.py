"""What a service is: the few requests that the delivery rules make of an outside system, and their answers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, ClassVar, NamedTuple, Protocol
from uuid import UUID

from bridge.errors import DeliveryFailed
from bridge.infra.clock import Clock
from bridge.models import Connection, Delivery, Endpoint, Inbox, Message, Participant

# Reasons that the delivery rules act upon; every other reason is only shown.
THREAD_GONE = "thread_deleted"
MESSAGE_GONE = "message_deleted"
NOT_PERMITTED = "not_permitted"
"""Nothing is wrong with the message: the line is held until somebody gives the right back."""
TOO_LARGE = "too_large"
FILES_REFUSED = "files_refused"
"""Where files went along, links go in their place."""
UNKNOWN = "unknown"
"""Nobody can prove whether it arrived."""

NOTHING_LEFT = "(The file no longer exists.)"
"""Said in place of a message without words whose files were taken back before it went."""


@dataclass(frozen=True)
class Open:
    """Open the connection's address. `card_id` is known once the card was posted.

    `repeat`: it was sent before, was looked for and was not there.
    """

    endpoint_id: int
    card_pk: int
    nonce: str
    card_id: str | None
    repeat: bool


@dataclass(frozen=True)
class FindOpening:
    """Look for an opening that nobody knows the fate of."""

    endpoint_id: int
    card_pk: int


@dataclass(frozen=True)
class Speaker:
    """In whose name something is said, where each speaks for himself: in a room."""

    uid: UUID
    name: str
    nick: str
    """What they are called here, of which their picture shows the beginning."""


@dataclass(frozen=True)
class Post:
    """`repeat`: it was sent before, was looked for and was not there. `previews`: show what its links lead to.

    `files`: the keys of the attachments that go with it. Those that are gone by now do not.
    """

    remote_pk: int
    thread: str
    text: str
    nonce: str
    reply_to: str | None
    repeat: bool
    previews: bool = True
    files: tuple[int, ...] = ()
    speaker: Speaker | None = None


@dataclass(frozen=True)
class ReadBack:
    """Read what we said in a thread after a message, to find one of unknown fate.

    In a room, only what was said in the name of `speaker`, and not before `since`.
    """

    remote_pk: int
    thread: str
    after: str
    speaker: str = ""
    since: datetime | None = None


@dataclass(frozen=True)
class Edit:
    remote_pk: int
    thread: str
    remote_id: str
    text: str
    sender: str = ""


@dataclass(frozen=True)
class Delete:
    remote_pk: int
    thread: str
    remote_id: str
    sender: str = ""


@dataclass(frozen=True)
class React:
    """Set our own reaction, or take it back. What is there already, or gone already, is done."""

    remote_pk: int
    thread: str
    remote_id: str
    emoji: str
    """As `bridge.text.emojis` spells it."""
    add: bool


Request = Open | FindOpening | Post | ReadBack | Edit | Delete | React


@dataclass(frozen=True)
class Stored:
    """The answer to Post, and to Open while only the card is posted. `sender`: who alone may change it."""

    remote_id: str
    sender: str = ""


@dataclass(frozen=True)
class Opened:
    """The answer to Open: the address. `card_id` is what holds the card."""

    remote_id: str
    card_id: str


@dataclass(frozen=True)
class Seen:
    """One message of ours that the service holds."""

    remote_id: str
    text: str
    files: int = 0
    sender: str = ""


@dataclass(frozen=True)
class Found:
    """The answer to ReadBack, oldest first."""

    messages: tuple[Seen, ...]


@dataclass(frozen=True)
class Missing:
    """The answer to FindOpening when there is none."""


@dataclass(frozen=True)
class Done:
    """The answer to Edit, Delete and React."""


Answer = Stored | Opened | Found | Missing | Done


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


class Attempt:
    """What may still be written under a claim, and what may have been stored by it.

    A library may set no time-out and try a request five times by itself. A paused process, or such a repeat,
    wrote under a claim that another worker had already taken over: two copies. So every single HTTP request
    asks here first.
    """

    def __init__(self, *, clock: Clock, until: float, repeatable: bool = True) -> None:
        self._clock = clock
        self._until = until
        # Without a nonce a second request makes a second copy, unless the first was surely not stored.
        self.repeatable = repeatable
        # Whether a limit is slept out. Otherwise it fails at once: there is another way.
        self.patient = True
        # Seconds for which the last answer asked to leave this way alone.
        self.rest = 0.0
        self.in_flight = False
        self.uncertain = False
        self._writing = False

    def begin(self, *, write: bool) -> None:
        """Before a request is written. Raises DeliveryFailed where it must not be. Reading is always allowed."""
        if write and self._clock.uptime() >= self._until:
            raise DeliveryFailed(
                "too_late", "The claim has expired.", permanent=False, certain=not self.uncertain
            )
        if write and self.uncertain and not self.repeatable:
            raise DeliveryFailed("uncertain", "It may have been stored.", permanent=False, certain=False)
        self.in_flight = True
        self._writing = write

    def answered(self, status: int) -> None:
        """Only 4xx, 429 among them, says that it was not stored. Of a 5xx nobody knows; and a 2xx that its caller
        never got to see was: the answer broke off, or a library sleeps out a limit before it hands it over.
        """
        self.in_flight = False
        self.uncertain = self.uncertain or (self._writing and not 400 <= status < 500)

    def beside(self) -> "Attempt":
        """For another write on the way, e.g. to make room: under the same claim, with a fate of its own."""
        return Attempt(clock=self._clock, until=self._until)

    def broke(self) -> None:
        """Cut or timed out after it was written."""
        self.in_flight = False
        self.uncertain = self.uncertain or self._writing

    def unreached(self) -> None:
        """There was no connection to write it to."""
        self.in_flight = False


_attempt: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


def current_attempt() -> Attempt | None:
    return _attempt.get()


@contextmanager
def attempting(attempt: Attempt) -> Iterator[Attempt]:
    reset = _attempt.set(attempt)
    try:
        yield attempt
    finally:
        _attempt.reset(reset)


@contextmanager
def beside() -> Iterator[None]:
    """Other writes than the delivery's own: whether they arrived says nothing of it."""
    attempt = current_attempt()
    if attempt is None:
        yield
        return
    with attempting(attempt.beside()):
        yield


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

    def named(self, author: Participant) -> str:
        """What stands before what staff say from elsewhere in a private conversation, where nothing else there says
        who it is. Pure."""
        return ""

    def spoken(self, text: str, inbox: Inbox) -> str:
        """What a visitor wrote, as it is said over there. Pure: it is asked again before each request."""
        return text

    def quiet(self, text: str) -> str:
        """What nobody said but happened, e.g. that the chat was ended, as it looks over there. Pure."""
        return text

    def quoted(self, message: Message, place: str, remote_id: str | None) -> str:
        """In a room, one line that says what a reply answers: this message, which is `remote_id` over there."""
        return ""

    @abstractmethod
    async def perform(self, request: Request) -> Answer:
        """Raises DeliveryFailed: permanent or not, certain or not."""

    async def close(self) -> None:
        """Let go of what it holds: its process stops."""
        return
