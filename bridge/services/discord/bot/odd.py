"""Reads each of Discord's objects separately, so that an unreadable one does not affect the others.

In discord.py, one missing field is an exception that ends the connection.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import discord

from bridge.services.discord.reading import Payload, id_of, shape, time_of, where

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that discord.py cannot read."""

    id: int
    payload: Payload = field(repr=False)

    @property
    def edited_at(self) -> datetime | None:
        return time_of(self.payload, "edited_timestamp")

    @property
    def nonce(self) -> object:
        return self.payload.get("nonce")

    @property
    def author(self) -> Payload:
        author = self.payload.get("author")
        return author if isinstance(author, Mapping) else {}


def attributes(message: discord.Message | Unreadable) -> str:
    """Describe a message without its contents."""
    names = (name for name in message.__slots__ if not name.startswith("_"))
    return shape({name: getattr(message, name, None) for name in names})


def read_message(
    client: discord.Client, channel: discord.abc.Messageable, payload: object
) -> discord.Message | Unreadable | None:
    """Read a message in an answer. Returns None if not even its id can be read."""
    pk = id_of(payload)
    if pk is None or not isinstance(payload, Mapping):
        logger.warning("Discord sent a message without an ID: %s", shape(payload))
        return None
    try:
        return client._connection.create_message(channel=channel, data=payload)  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001  # a bug may raise anything
        logger.warning("Message %d cannot be read (%s): %s", pk, where(error), shape(payload))
        return Unreadable(pk, payload)


def read_user(client: discord.Client, payload: object) -> discord.User | None:
    try:
        return discord.User(state=client._connection, data=payload)  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001  # a bug may raise anything
        logger.warning("An author cannot be read (%s): %s", where(error), shape(payload))
        return None


def guard(client: discord.Client, missed: Callable[[str, Payload], None]) -> None:
    """Prevent events from ending the connection. `missed` is called with each one that could not be read."""
    parsers = client._connection.parsers
    for event, parse in list(parsers.items()):
        parsers[event] = partial(_parse, client, event, parse, missed)


def _parse(
    client: discord.Client,
    event: str,
    parse: Callable[[Any], None],
    missed: Callable[[str, Payload], None],
    data: Any,
) -> None:
    # A READY that fails makes discord.py forget this.
    me = client.user
    try:
        parse(data)
        return
    except Exception as error:  # noqa: BLE001  # a bug may raise anything
        logger.warning("%s cannot be read (%s): %s", event, where(error), shape(data))
    if not isinstance(data, Mapping):
        return
    if event == "READY":
        # There is no session without READY. Use what is readable of it, or let the exception pass.
        parse(_least_ready(me, data))
    elif event == "GUILD_CREATE" and id_of(data) is not None:
        parse(_sifted(client, data))
    else:
        missed(event, data)


def _least_ready(me: discord.ClientUser | None, data: Payload) -> dict[str, Any]:
    user = data.get("user")
    known = user if isinstance(user, Mapping) else {}
    guilds = data.get("guilds")
    guild_ids = [id_of(guild) for guild in guilds] if isinstance(guilds, list) else []
    least = {key: value for key, value in data.items() if key != "application"}
    # Missing values are those from the login.
    least["user"] = {
        "id": str(id_of(known) or (me.id if me is not None else "")),
        "username": str(known.get("username") or (me.name if me is not None else "")),
        "discriminator": "0",
        "avatar": None,
    }
    least["guilds"] = [{"id": str(pk), "unavailable": True} for pk in guild_ids if pk is not None]
    return least


def _sifted(client: discord.Client, data: Payload) -> dict[str, Any]:
    """Return a server without the fields and list items (channels, roles, members …) that cannot be read."""
    # discord.py keeps the number of members that it already knows.
    guild: dict[str, Any] = {"id": data["id"], "member_count": None}

    def works(key: str, value: Any) -> bool:
        try:
            discord.Guild(data=guild | {key: value}, state=client._connection)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001  # a bug may raise anything
            return False
        return True

    # Lists come last, because their items depend on the fields. Channels depend on the roles.
    for key in sorted(data, key=lambda key: (isinstance(data[key], list), key != "roles", key)):
        value = data[key]
        if works(key, value):
            guild[key] = value
        elif isinstance(value, list):
            guild[key] = _good(value, lambda some, key=key: works(key, some))  # type: ignore[misc]
    guild.setdefault("unavailable", False)
    return guild


def _good(items: list[Any], works: Callable[[list[Any]], bool]) -> list[Any]:
    """Return the readable items. The list is divided in halves, because most items are readable."""
    if not items or works(items):
        return items
    if len(items) == 1:
        return []
    half = len(items) // 2
    return _good(items[:half], works) + _good(items[half:], works)
