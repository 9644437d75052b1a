"""Who somebody is on a server: what is read of a channel's history says only what he is called.

Members are not kept by discord.py: that would take an intent which Discord gives to few.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import discord

REMEMBERED = 500
FOR = 600.0
"""Seconds. What he says live says who he is at once."""


class Members:
    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int], tuple[float, discord.Member | None]] = OrderedDict()
        self._roles: OrderedDict[tuple[int, int], tuple[float, frozenset[int]]] = OrderedDict()

    async def roles(self, client: discord.Client, guild_id: int, user_id: int) -> frozenset[int]:
        """None where they have left, or have none."""
        key = (guild_id, user_id)
        at, roles = self._roles.get(key, (-FOR, frozenset()))
        if time.monotonic() - at < FOR:
            return roles
        try:
            member: Any = await client.http.get_member(guild_id, user_id)
        except discord.NotFound:
            member = None
        found = member.get("roles") if isinstance(member, Mapping) else None
        ids = found if isinstance(found, list) else []
        roles = frozenset(int(each) for each in ids if str(each).isdecimal())
        self._roles[key] = (time.monotonic(), roles)
        while len(self._roles) > REMEMBERED:
            self._roles.popitem(last=False)
        return roles

    async def find(self, guild: discord.Guild, user: discord.abc.User) -> discord.Member | None:
        """None where he has left."""
        if isinstance(user, discord.Member):
            return user
        key = (guild.id, user.id)
        at, member = self._known.get(key, (-FOR, None))
        if time.monotonic() - at < FOR:
            return member
        try:
            member = await guild.fetch_member(user.id)
        except discord.NotFound:
            member = None
        self._known[key] = (time.monotonic(), member)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return member
