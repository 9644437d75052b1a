"""A channel's messages in order, found by id without walking through its history."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Any, cast

from simcord.backend.models import Message


class Timeline(dict[int, Message]):
    """Messages by id, their ids sorted beside them, and what was deleted.

    simcord sorts a channel's whole history for each page; a bench or a long process test has tens of
    thousands of messages, so a page here costs a bisection.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[int] = []
        self.deleted: dict[int, Message] = {}

    def __setitem__(self, message_id: int, message: Message) -> None:
        if message_id not in self:
            insort(self.ids, message_id)
        super().__setitem__(message_id, message)

    def __delitem__(self, message_id: int) -> None:
        self.deleted[message_id] = self[message_id]
        super().__delitem__(message_id)
        del self.ids[bisect_left(self.ids, message_id)]

    def pop(self, message_id: int, default: Any = None) -> Any:
        message = self.get(message_id, default)
        if message_id in self:
            del self[message_id]
        return message

    def page(self, *, limit: int, before: int | None, after: int | None, around: int | None) -> list[Message]:
        """Return one page as Discord does: newest first; for `after`, the messages that directly follow."""
        if around is not None:
            middle = bisect_left(self.ids, around)
            start = max(0, middle - limit // 2)
            chosen = self.ids[start : start + limit]
        elif before is not None:
            end = bisect_left(self.ids, before)
            chosen = self.ids[max(0, end - limit) : end]
        elif after is not None:
            start = bisect_right(self.ids, after)
            chosen = self.ids[start : start + limit]
        else:
            chosen = self.ids[-limit:]
        return [self[message_id] for message_id in reversed(chosen)]

    def everything(self) -> Iterator[tuple[Message, bool]]:
        """Yield each message ever said here, oldest first, with whether it was deleted."""
        for message_id in sorted((*self.ids, *self.deleted)):
            deleted = message_id in self.deleted
            yield (self.deleted if deleted else self)[message_id], deleted


class Timelines(dict[int, dict[int, Message]]):
    """simcord assigns plain dicts for new channels; each becomes a Timeline on the way in."""

    def __setitem__(self, channel_id: int, messages: dict[int, Message]) -> None:
        timeline = Timeline()
        for message_id, message in messages.items():
            timeline[message_id] = message
        super().__setitem__(channel_id, timeline)

    def setdefault(self, channel_id: int, messages: Any = None) -> dict[int, Message]:
        if channel_id not in self:
            self[channel_id] = messages or {}
        return self[channel_id]

    def timeline(self, channel_id: int) -> Timeline:
        """Return a channel's timeline, empty where it has none (a forum holds posts, not messages)."""
        return cast(Timeline, self.setdefault(channel_id))
