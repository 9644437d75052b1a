"""Servers that come and go: unavailable for a while, left and joined again, and a second one."""

from simcord.backend import errors
from simcord.backend.models import Channel, Guild, Member, Overwrite
from simcord.enums import ChannelType, OverwriteType

from . import build, defaults, wire
from .threads import ThreadWorld


def found_branch(world: ThreadWorld, *, joined: bool) -> Guild:
    """Make a second server with one text channel; `joined`: the bot is on it."""
    guild = world.guilds[defaults.BRANCH_ID] = build.server(defaults.BRANCH_ID, "Branch")
    place = Channel(
        id=defaults.BRANCH_CHANNEL_ID, type=ChannelType.TEXT, name="branch", guild_id=guild.id, position=0
    )
    world.channels[place.id] = place
    world.messages[place.id] = {}
    guild.channel_ids.append(place.id)
    world.mark("channel", place.id)
    world.mark("guild", guild.id)
    if joined:
        _announce(world, guild)
    else:
        del guild.members[world.bot_user.id]
    return guild


def leave(world: ThreadWorld, guild_id: int) -> None:
    """The bot is taken off a server."""
    guild = server(world, guild_id)
    guild.members.pop(world.bot_user.id, None)
    world.emit("GUILD_DELETE", {"id": str(guild.id)})


def join(world: ThreadWorld, guild_id: int) -> None:
    """The bot is invited again."""
    guild = server(world, guild_id)
    guild.members.setdefault(
        world.bot_user.id,
        Member(user_id=world.bot_user.id, role_ids=[defaults.BOT_ROLE_ID], joined_at=world.now_iso()),
    )
    _announce(world, guild)


def set_available(world: ThreadWorld, guild_id: int, available: bool) -> None:
    """An outage of one server: until it is over no event of it is sent, and a new session is not told of it."""
    guild = server(world, guild_id)
    if available:
        world.unavailable.discard(guild.id)
        _announce(world, guild)
    else:
        world.emit("GUILD_DELETE", {"id": str(guild.id), "unavailable": True})
        world.unavailable.add(guild.id)


def overwrite(
    world: ThreadWorld, channel_id: int, target_id: int, kind: OverwriteType, bit: int, allowed: bool
) -> None:
    """Give or take one permission in a channel, for a role or for somebody."""
    channel = world.get_channel(channel_id)
    now = next((each for each in channel.overwrites if each.target_id == target_id), None)
    allow, deny = (now.allow, now.deny) if now else (0, 0)
    allow, deny = (allow | bit, deny & ~bit) if allowed else (allow & ~bit, deny | bit)
    world.set_overwrite(channel.id, Overwrite(target_id, kind, allow=allow, deny=deny))


def server(world: ThreadWorld, guild_id: int) -> Guild:
    if guild_id not in world.guilds:
        raise errors.unknown_guild()
    return world.guilds[guild_id]


def _announce(world: ThreadWorld, guild: Guild) -> None:
    world.emit("GUILD_CREATE", wire.guild_create(world, guild))
