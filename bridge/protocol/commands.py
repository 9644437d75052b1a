"""The payloads of commands: closed models, validated once at the edge."""

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from bridge.protocol import MAX_ATTACHMENTS, MAX_ID, MAX_PAGE
from bridge.protocol.values import Content, Email, Emoji, Line, Name, Nick, Payload, Seq, Text, Uuid
from bridge.text.characters import is_blank


class Frame(Payload):
    """An incoming command. Its payload is validated by the command's own model."""

    command: str = Field(max_length=64)
    id: str = Field(max_length=MAX_ID)
    payload: dict[str, Any] = Field(default_factory=dict)


class NoPayload(Payload):
    """For commands without a payload."""


class Page(Payload):
    """The page the visitor is on, for the card that staff see."""

    url: Annotated[Line, Field(max_length=1000)] = ""
    title: Annotated[Line, Field(max_length=200)] = ""
    referrer: Annotated[Line, Field(max_length=1000)] = ""


class SessionStart(Payload):
    inbox: Annotated[Line, Field(max_length=50)] = "default"
    token: str | None = Field(default=None, max_length=512)
    identity: str | None = Field(default=None, max_length=4096)
    """A JWT by which a site vouches for its user."""
    nick: Nick | None = None
    locale: Annotated[Line, Field(max_length=35)] = ""
    page: Annotated[Page, Field(strict=False)] = Page()


class ContactSet(Payload):
    """The visitor's contact details. An omitted field is not changed, and an empty text removes the value."""

    name: Name | None = None
    email: Email | None = None


class Written(Payload):
    """A message as its author wrote it, whichever conversation it goes to."""

    client_id: Uuid
    attachments: list[Uuid] = Field(default_factory=list, max_length=MAX_ATTACHMENTS)
    """The `uid` of files that the visitor uploaded."""
    content: Text = Field(default="", validate_default=True)
    """Can be empty only if there are attachments."""
    reply_to: Uuid | None = None
    """The uid of the message that this one answers, in the same conversation."""

    @field_validator("content")
    @classmethod
    def _says_something(cls, content: str, info: ValidationInfo) -> str:
        if not content or (not content.isascii() and is_blank(content)):
            # Invalid attachments are not in the data: they have their own error.
            if not info.data.get("attachments", True):
                raise ValueError("the message is empty")
            return ""
        return content


class Proof(Payload):
    """The solution of a challenge of `proof_required`."""

    challenge: str = Field(max_length=300)
    answers: list[Seq] = Field(max_length=64)


class FirstMessage(Written):
    """A message that may open a conversation."""

    proof: Annotated[Proof, Field(strict=False)] | None = None


class MessageSend(FirstMessage):
    connection: Uuid | None = None


class MessageOnly(Payload):
    message: Uuid


class MessageEdit(MessageOnly):
    content: Content


class ReactionChange(MessageOnly):
    emoji: Emoji


class ConnectionOnly(Payload):
    connection: Uuid


class HistoryPage(ConnectionOnly):
    before: Seq | None = None
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)


class ConnectionSync(ConnectionOnly):
    since: Seq


class ConnectionList(Payload):
    before: Uuid | None = None
    """The last conversation of the previous page."""
    limit: int = Field(default=20, ge=1, le=MAX_PAGE)


class ReceiptRead(ConnectionOnly):
    seq: Seq


class NickSet(Payload):
    nick: Nick
    connection: Uuid | None = None


RoomName = Annotated[Line, Field(min_length=1, max_length=50)]
"""A room's slug or uid."""


class RoomOnly(Payload):
    room: RoomName


class RoomJoin(RoomOnly):
    key: str = Field(default="", max_length=64)
    """The unguessable part of a link room's address."""
    nick: Nick | None = None
