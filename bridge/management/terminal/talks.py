"""A conversation as a visitor's terminal has seen it, and how its messages look there."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.management.terminal.text import Line, said
from bridge.text.markdown import as_text, parse

Message = dict[str, Any]
"""As the wire has it."""


@dataclass
class Talk:
    """His own conversation, or a room."""

    uid: str
    me: str
    """His own `author.id` in it."""
    room: str = ""
    key: str = ""
    """Of a room by link."""
    revision: int = 0
    first: int = 0
    """The place of the oldest message that was shown."""
    seen: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """What each message said when it was shown, and whether it was deleted."""

    def news(self, messages: Iterable[Message]) -> Iterator[tuple[Message, str]]:
        """Each message once, in order, and again only where it says something else now: with what stands before it."""
        for message in sorted(messages, key=lambda each: each["seq"]):
            self.first = min(self.first or message["seq"], message["seq"])
            now = (message["content"], message["deleted_at"] is not None)
            was = self.seen.get(message["uid"])
            if was != now:
                self.seen[message["uid"]] = now
                yield message, "" if was is None else "(edited) "

    def lines(self, message: Message, change: str, *, width: int | None) -> list[Line]:
        author = message["author"] or {"id": "", "name": "", "role": ""}
        files = [f"[{each['name']}]" for each in message["attachments"]]
        words = as_text(parse(message["content"], masked=author["role"] == "staff"), hide=False)
        text = "\n".join([change + words, *files]).strip()
        if message["deleted_at"]:
            text = "(deleted)"
        elif message["kind"] == "gap":
            text = "(Messages may be missing here.)"
        elif message["kind"] == "event":
            text = "(ended the chat)" if message["content"] == "closed" else "(reopened the chat)"
        staff = author["role"] == "staff"
        return said(
            when=f"{datetime.fromisoformat(message['created_at']).astimezone():%H:%M}",
            name=author["name"],
            text=text,
            staff=staff,
            mark=f"#{self.room}" if self.room else "",
            style="class:own" if author["id"] == self.me else "class:staff" if staff else "",
            width=width,
        )
