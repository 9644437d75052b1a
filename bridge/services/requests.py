"""The requests that delivery makes to a service, their answers, and the reasons of failures."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

# Delivery reacts to these reasons. All others are only displayed.
THREAD_GONE = "thread_deleted"
MESSAGE_GONE = "message_deleted"
NOT_PERMITTED = "not_permitted"
"""The message is not the problem. The line is on hold until the permission is granted again."""
TOO_LARGE = "too_large"
FILES_REFUSED = "files_refused"
"""If files were sent with a message, it is sent again with links instead."""
UNKNOWN = "unknown"
"""It cannot be determined whether it arrived."""

NOTHING_LEFT = "(The file no longer exists.)"
"""The text of a message without words whose files were deleted before it was sent."""


@dataclass(frozen=True)
class Open:
    """Open the connection's endpoint. `card_id` is known once the card is posted.

    `repeat`: this was requested before, but was not found in the service.
    """

    endpoint_id: int
    remote_pk: int
    nonce: str
    card_id: str | None
    repeat: bool


@dataclass(frozen=True)
class FindOpening:
    """Look for an opening whose result is unknown."""

    endpoint_id: int
    remote_pk: int


@dataclass(frozen=True)
class Speaker:
    """The person in whose name a message is posted in a room."""

    uid: UUID
    name: str
    nick: str
    """Their nick here. Their picture shows its beginning."""


@dataclass(frozen=True)
class Post:
    """Post a message.

    `repeat`: it was sent before, but was not found in the service. `previews`: show previews of its links.
    `files`: the keys of the attachments that are sent with it. Those deleted in the meantime are omitted.
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
    """Read our messages in a thread after the message `after`, to find one whose result is unknown.

    In a room, only messages in the name of `speaker`, and none before `since`.
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
    """Add or remove our own reaction. If it is already there, or already gone, the request has succeeded."""

    remote_pk: int
    thread: str
    remote_id: str
    emoji: str
    """In the spelling of `bridge.text.emojis`."""
    add: bool


Request = Open | FindOpening | Post | ReadBack | Edit | Delete | React


@dataclass(frozen=True)
class Stored:
    """The answer to Post, and to Open if only the card was posted. `sender`: the only one who can change it."""

    remote_id: str
    sender: str = ""


@dataclass(frozen=True)
class Opened:
    """The answer to Open. `remote_id`: the endpoint's address. `card_id`: the message with the card."""

    remote_id: str
    card_id: str


@dataclass(frozen=True)
class Seen:
    """A message of ours that the service has."""

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
    """The answer to FindOpening if there is none."""


@dataclass(frozen=True)
class Done:
    """The answer to Edit, Delete and React."""


Answer = Stored | Opened | Found | Missing | Done
