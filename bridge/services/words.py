"""The text of messages without markdown, for e-mails, webhooks, terminals and the admin."""

from bridge.models import Message, Participant
from bridge.text.markdown import Node, as_html, as_text, parse


def read(message: Message) -> list[Node]:
    """Parse a message. Only staff and bots can write links that hide their addresses."""
    if message.deleted_at:
        return []
    author = message.author
    return parse(message.content, masked=author is not None and author.role != Participant.Role.VISITOR)


def plain(message: Message, *, hide: bool = True) -> str:
    """Return it as plain text. `hide`: hide spoilers."""
    return as_text(read(message), hide=hide)


def html(message: Message) -> str:
    return as_html(read(message))
