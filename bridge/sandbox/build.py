"""Build the default world: a guild with its staff, a member, two bots and three channels."""

import discord
from simcord.backend.models import Channel, Guild, GuildEmoji, Member, Overwrite, Role, User
from simcord.backend.state import DEFAULT_EVERYONE_PERMISSIONS
from simcord.enums import ChannelType, OverwriteType

from . import defaults
from .threads import ThreadWorld

_JOINED = "2024-01-01T12:00:00.000000+00:00"
_STAFF_PERMISSIONS = discord.Permissions(manage_threads=True, manage_messages=True).value
_CHANNELS = (
    (defaults.GENERAL_CHANNEL_ID, "general", ChannelType.TEXT, "What staff tell each other"),
    (defaults.SUPPORT_CHANNEL_ID, "support", ChannelType.TEXT, "A thread for each visitor"),
    (defaults.FORUM_CHANNEL_ID, "tickets", ChannelType.FORUM, "A post for each visitor"),
    (defaults.LOBBY_CHANNEL_ID, "lobby", ChannelType.TEXT, "For a public room of the web page"),
)
_VIEW = discord.Permissions(view_channel=True).value
# Visitors' conversations are not for everybody. Robin and Butler are let in, and are no staff all the same.
_PRIVATE = {defaults.SUPPORT_CHANNEL_ID, defaults.FORUM_CHANNEL_ID}


def default_world() -> ThreadWorld:
    world = ThreadWorld()
    world.users.clear()
    world.application_id = defaults.APPLICATION_ID
    for user_id, name, bot in (
        (defaults.ADA_ID, "Ada", False),
        (defaults.GRACE_ID, "Grace", False),
        (defaults.ROBIN_ID, "Robin", False),
        (defaults.BUTLER_ID, "Butler", True),
        (defaults.BOT_ID, "ChatBridge", True),
    ):
        world.users[user_id] = User(id=user_id, name=name.lower(), global_name=name, bot=bot)
        world.mark("user", user_id)
    world.bot_user = world.users[defaults.BOT_ID]
    guild = world.guilds[defaults.GUILD_ID] = server(defaults.GUILD_ID, "Sandbox")
    guild.emojis = {
        pk: GuildEmoji(id=pk, name=name, user_id=defaults.ADA_ID, animated=moves)
        for pk, (name, moves) in defaults.EMOJI.items()
    }
    for place, (channel_id, name, kind, topic) in enumerate(_CHANNELS):
        world.channels[channel_id] = Channel(
            id=channel_id, type=kind, name=name, guild_id=guild.id, topic=topic, position=place
        )
        if channel_id in _PRIVATE:
            world.channels[channel_id].overwrites = _private(guild)
        world.messages[channel_id] = {}
        guild.channel_ids.append(channel_id)
        world.mark("channel", channel_id)
    world.channels[defaults.FORUM_CHANNEL_ID].available_tags = [
        {
            "id": str(defaults.FORUM_TAG_ID),
            "name": "web",
            "moderated": False,
            "emoji_id": None,
            "emoji_name": None,
        }
    ]
    world.mark("guild", guild.id)
    return world


def _private(guild: Guild) -> list[Overwrite]:
    roles = [
        Overwrite(role, OverwriteType.ROLE, allow=_VIEW)
        for role in (defaults.STAFF_ROLE_ID, defaults.BOT_ROLE_ID)
    ]
    members = [
        Overwrite(user, OverwriteType.MEMBER, allow=_VIEW) for user in (defaults.ROBIN_ID, defaults.BUTLER_ID)
    ]
    return [Overwrite(guild.id, OverwriteType.ROLE, deny=_VIEW), *roles, *members]


def server(pk: int, name: str) -> Guild:
    """A server with the usual roles and people."""
    guild = Guild(id=pk, name=name, owner_id=defaults.ADA_ID)
    bot_permissions = discord.Permissions(**dict.fromkeys(defaults.BOT_PERMISSIONS, True)).value
    for position, role in enumerate(
        (
            Role(id=guild.id, name="@everyone", permissions=DEFAULT_EVERYONE_PERMISSIONS),
            Role(
                id=defaults.STAFF_ROLE_ID,
                name="Staff",
                permissions=_STAFF_PERMISSIONS,
                color=defaults.STAFF_COLOUR,
                hoist=True,
            ),
            Role(id=defaults.BOT_ROLE_ID, name="ChatBridge", permissions=bot_permissions, managed=True),
        )
    ):
        role.position = position
        guild.roles[role.id] = role
    roles = {
        defaults.ADA_ID: [defaults.STAFF_ROLE_ID],
        defaults.GRACE_ID: [defaults.STAFF_ROLE_ID],
        defaults.BOT_ID: [defaults.BOT_ROLE_ID],
    }
    for user_id in defaults.USERS.values():
        guild.members[user_id] = Member(user_id=user_id, role_ids=roles.get(user_id, []), joined_at=_JOINED)
    return guild
