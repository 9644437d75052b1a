"""Reads Discord's answers as raw payloads, so that an unreadable object does not affect the others."""

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import discord

PAGE = 100
"""Maximum number of messages or threads that Discord returns at a time."""
_DEEPEST, _WIDEST = 5, 60

Payload = Mapping[str, Any]


class OddAnswer(Exception):
    """Discord, or something in between, answered with something that is not a list."""


def shape(value: object, depth: int = 0) -> str:
    """Describe a payload by keys and types, without its contents. A list is described by its first item."""
    if isinstance(value, Mapping):
        if depth >= _DEEPEST:
            return "{…}"
        items = [f"{str(key)[:40]}: {shape(value[key], depth + 1)}" for key in list(value)[:_WIDEST]]
        return "{" + ", ".join(items + ["…"] * (len(value) > _WIDEST)) + "}"
    if isinstance(value, list):
        return f"[{len(value)} × {shape(value[0], depth + 1)}]" if value else "[]"
    return "null" if value is None else type(value).__name__


def where(error: BaseException) -> str:
    """Describe an exception by type and place, without its text, which may quote a message."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place


def id_of(payload: object, name: str = "id") -> int | None:
    """Return an id, given as text or number; None if there is none."""
    value = payload.get(name) if isinstance(payload, Mapping) else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    good = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
    return value if good else None


def time_of(payload: object, name: str) -> datetime | None:
    value = payload.get(name) if isinstance(payload, Mapping) else None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


async def _all_after(after: int, ask: Callable[[int], Awaitable[object]]) -> AsyncIterator[object]:
    """Yield the objects with a higher id than this, lowest first. `ask` returns a page."""
    while True:
        page = _list(await ask(after))
        for payload in sorted(page, key=lambda item: id_of(item) or 0):
            yield payload
        last = max((id_of(item) or 0 for item in page), default=0)
        if len(page) < PAGE or last <= after:
            return
        after = last


def messages_after(client: discord.Client, channel_id: int, after: int) -> AsyncIterator[object]:
    """Return the messages in a channel after this id, oldest first."""
    return _all_after(after, lambda after: client.http.logs_from(channel_id, PAGE, after=after))


async def newest_messages(
    client: discord.Client, channel_id: int, *, limit: int = PAGE, after: int = 0
) -> list[object]:
    """Return the newest messages after this id, newest first, including messages without an id."""
    messages: list[object] = []
    before = None
    while len(messages) < limit:
        wanted = min(PAGE, limit - len(messages))
        page = _list(await client.http.logs_from(channel_id, wanted, before=before))
        messages += [message for message in page if (id_of(message) or after + 1) > after]
        oldest = min((pk for message in page if (pk := id_of(message))), default=None)
        if len(page) < wanted or oldest is None or oldest <= after or oldest == before:
            break
        before = oldest
    return messages


def reaction_users(
    client: discord.Client, channel_id: int, message_id: int, emoji: str, kind: discord.ReactionType
) -> AsyncIterator[object]:
    """Return the users of a reaction. `emoji`: the characters, or the name and id of a custom emoji."""
    get = client.http.get_reaction_users
    return _all_after(0, lambda after: get(channel_id, message_id, emoji, PAGE, after=after, type=kind.value))


@dataclass(frozen=True)
class Listed:
    """A thread in a list from Discord. Fields that cannot be read are None or empty."""

    pk: int
    parent_id: int | None
    owner_id: int | None
    last_message_id: int | None
    name: str
    archived_at: datetime | None


async def active_threads(client: discord.Client, guild_id: int) -> list[Listed]:
    return _listed(await client.http.get_active_threads(guild_id))


async def archived_threads(client: discord.Client, channel_id: int, *, since: datetime) -> list[Listed]:
    """Return the threads that were archived since then, latest first."""
    threads: list[Listed] = []
    before: Any = None
    while True:
        answer = await client.http.get_public_archived_threads(channel_id, before=before, limit=PAGE)
        page = _listed(answer)
        threads += [thread for thread in page if thread.archived_at is None or thread.archived_at >= since]
        times = [thread.archived_at for thread in page if thread.archived_at is not None]
        if not times or min(times) < since or not answer.get("has_more"):
            return threads
        before = min(times).isoformat()


def _listed(answer: object) -> list[Listed]:
    """Return the threads in an answer, except those without an id."""
    payloads = _list(answer.get("threads") if isinstance(answer, Mapping) else None)
    return [
        Listed(
            pk=pk,
            parent_id=id_of(payload, "parent_id"),
            owner_id=id_of(payload, "owner_id"),
            last_message_id=id_of(payload, "last_message_id"),
            name=str(payload.get("name") or ""),
            archived_at=time_of(payload.get("thread_metadata"), "archive_timestamp"),
        )
        for payload in payloads
        if isinstance(payload, Mapping) and (pk := id_of(payload)) is not None
    ]


def _list(answer: object) -> list[object]:
    if not isinstance(answer, list):
        raise OddAnswer(f"not a list but {shape(answer)}")
    return answer
