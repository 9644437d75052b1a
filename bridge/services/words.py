"""What a message says where nobody reads markdown: the same in mails, webhooks, terminals and the admin."""

from bridge.models import Message, Participant
from bridge.text.markdown import Node, as_html, as_text, parse


def read(message: Message) -> list[Node]:
    """Its words. Links hide their addresses for staff and bots only."""
    if message.deleted_at:
        return []
    author = message.author
    return parse(message.content, masked=author is not None and author.role != Participant.Role.VISITOR)


def plain(message: Message, *, hide: bool = True) -> str:
    """`hide`: spoilers are."""
    return as_text(read(message), hide=hide)


def html(message: Message) -> str:
    return as_html(read(message))
