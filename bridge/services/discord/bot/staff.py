"""Looks up members of servers, and decides who is staff in a private conversation whose inbox has staff roles.

Events contain the roles, but a channel's history does not. So members are requested from Discord, because discord.py
only knows them with a privileged intent.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import discord

from bridge.models import Connection, Endpoint
from bridge.services.discord.reading import Payload, id_of

REMEMBERED = 500
FOR = 600.0
"""Seconds for which a member is cached. Live events always contain the current roles."""


class Members:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._known: OrderedDict[tuple[int, int], tuple[float, Payload]] = OrderedDict()

    async def roles(self, guild_id: int, user_id: int) -> frozenset[int]:
        """Return their roles; empty if they have left the server."""
        roles = (await self._payload(guild_id, user_id)).get("roles")
        known = roles if isinstance(roles, list) else []
        return frozenset(int(role) for role in known if str(role).isdecimal())

    async def find(self, guild: discord.Guild, user: discord.abc.User) -> discord.Member | None:
        """Return the member; None if they have left the server."""
        if isinstance(user, discord.Member):
            return user
        payload: Any = await self._payload(guild.id, user.id)
        return discord.Member(data=payload, guild=guild, state=self._client._connection) if payload else None

    async def _payload(self, guild_id: int, user_id: int) -> Payload:
        """Return Discord's description of the member; empty if they have left the server."""
        key = (guild_id, user_id)
        at, payload = self._known.get(key, (-FOR, {}))
        if time.monotonic() - at < FOR:
            return payload
        try:
            member: Any = await self._client.http.get_member(guild_id, user_id)
        except discord.NotFound:
            member = None
        payload = member if isinstance(member, Mapping) else {}
        self._known[key] = (time.monotonic(), payload)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return payload


class Staff:
    def __init__(self, client: discord.Client, members: Members) -> None:
        self._client = client
        self._members = members
        # The servers of threads that are not in discord.py's cache.
        self._guilds: OrderedDict[int, int] = OrderedDict()

    async def counts(self, endpoint: Endpoint, user: discord.abc.User | Payload) -> bool:
        """Return whether their messages are relayed as those of staff.

        In a room everybody may write, and bots have a setting of their own. People who left the server have no roles.
        """
        if isinstance(user, Mapping):
            user_id, is_bot = id_of(user), user.get("bot") is True
        else:
            user_id, is_bot = user.id, user.bot
        wanted = endpoint.connection.inbox.staff_role_ids
        in_room = endpoint.connection.kind == Connection.Kind.ROOM
        if not wanted or user_id is None or is_bot or in_room:
            return True
        if isinstance(user, discord.Member):
            return not wanted.isdisjoint(role_ids(user))
        guild_id = await self._guild_of(int(endpoint.remote_id or 0))
        if guild_id is None:
            return False
        return not wanted.isdisjoint(await self._members.roles(guild_id, user_id))

    async def _guild_of(self, channel_id: int) -> int | None:
        channel = self._client.get_channel(channel_id)
        if isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return channel.guild.id
        if channel_id not in self._guilds:
            guild_id = id_of(await self._client.http.get_channel(channel_id), "guild_id")
            if guild_id is None:
                return None
            self._guilds[channel_id] = guild_id
            while len(self._guilds) > REMEMBERED:
                self._guilds.popitem(last=False)
        return self._guilds[channel_id]


def role_ids(member: discord.Member) -> frozenset[int]:
    """Return all their roles. `Member.roles` omits those of a server that is not loaded yet."""
    return frozenset(member._roles)
