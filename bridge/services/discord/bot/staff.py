"""Who counts as staff in a private conversation, where its inbox names the roles that do.

An event says which roles somebody has; what is read of a channel's history does not, so they are looked up.
"""

from collections import OrderedDict

import discord

from bridge.models import Connection, Endpoint
from bridge.services.discord.bot.members import Members
from bridge.services.discord.bot.odd import Unreadable
from bridge.services.discord.reading import id_of

REMEMBERED = 500


class Staff:
    def __init__(self, client: discord.Client, members: Members) -> None:
        self._client = client
        self._members = members
        # The servers of threads that discord.py does not keep.
        self._guilds: OrderedDict[int, int] = OrderedDict()

    async def counts(self, endpoint: Endpoint, user: discord.abc.User) -> bool:
        """In a room everybody may speak, and bots are a setting of their own. Who has left the server has no roles."""
        wanted = endpoint.connection.inbox.staff_role_ids
        if not wanted or user.bot or endpoint.connection.kind == Connection.Kind.ROOM:
            return True
        if isinstance(user, discord.Member):
            return not wanted.isdisjoint(role_ids(user))
        return await self._has_role(endpoint, user.id, wanted)

    async def may_count(self, endpoint: Endpoint, message: Unreadable) -> bool:
        """False only where its author surely is no staff."""
        wanted, author = endpoint.connection.inbox.staff_role_ids, id_of(message.author)
        if not wanted or author is None or endpoint.connection.kind == Connection.Kind.ROOM:
            return True
        return message.author.get("bot") is True or await self._has_role(endpoint, author, wanted)

    async def _has_role(self, endpoint: Endpoint, user_id: int, wanted: frozenset[int]) -> bool:
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
    """All of them: `Member.roles` leaves out those of a server that is not there yet."""
    return frozenset(member._roles)
