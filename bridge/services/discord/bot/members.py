"""Who somebody is on a server: what is read of a channel's history says only what they are called.

discord.py does not keep members: that would take an intent which Discord gives to few.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import discord

from bridge.services.discord.reading import Payload

REMEMBERED = 500
FOR = 600.0
"""Seconds. What somebody says live says who they are at once."""


class Members:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._known: OrderedDict[tuple[int, int], tuple[float, Payload]] = OrderedDict()

    async def roles(self, guild_id: int, user_id: int) -> frozenset[int]:
        """None where they have left, or have none."""
        roles = (await self._payload(guild_id, user_id)).get("roles")
        known = roles if isinstance(roles, list) else []
        return frozenset(int(role) for role in known if str(role).isdecimal())

    async def find(self, guild: discord.Guild, user: discord.abc.User) -> discord.Member | None:
        """None where they have left."""
        if isinstance(user, discord.Member):
            return user
        payload: Any = await self._payload(guild.id, user.id)
        return discord.Member(data=payload, guild=guild, state=self._client._connection) if payload else None

    async def _payload(self, guild_id: int, user_id: int) -> Payload:
        """As Discord describes the member; empty where they have left."""
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
