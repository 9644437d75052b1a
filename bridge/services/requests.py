"""The few requests that the delivery rules make of an outside system, its answers, and why it refuses."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

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
    remote_pk: int
    nonce: str
    card_id: str | None
    repeat: bool


@dataclass(frozen=True)
class FindOpening:
    """Look for an opening that nobody knows the fate of."""

    endpoint_id: int
    remote_pk: int


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
