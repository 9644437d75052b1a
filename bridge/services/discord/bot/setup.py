"""The requirements of the bot in Discord, and for each problem a sentence that says what to do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import discord

from bridge.services.discord.reading import id_of

REFUSED = "Discord refused the token: copy it again from the developer portal (Bot → Reset Token) into DISCORD_TOKEN."
NO_INTENT = (
    "The bot cannot read messages: turn on “Message Content Intent” in the developer portal (Bot → Privileged "
    "Gateway Intents)."
)
NO_CHANNEL = (
    "No inbox has a Discord channel: set DISCORD_CHANNEL_ID to the ID of a text or forum channel, or set the "
    "inbox's channel in the admin."
)
NOT_SEEN = (
    "The bot cannot see the channel {id}: check the ID, invite the bot to its server and grant it “View "
    "Channel”."
)
NO_ID = (
    "“{text}” is not a channel ID: in Discord, turn on Developer Mode, right-click the channel and choose “Copy "
    "Channel ID”."
)
WRONG_TYPE = "The channel {id} is neither a text nor a forum channel: choose another one."
WRONG_TYPE_FOR_ROOM = "The channel {id} is not a text channel: a room needs one."
LACKS = "In #{name} the bot lacks: {lacks}. Grant its role these permissions there."
NO_TAG = "The forum #{name} requires a tag on each post, but has no tags: create one, or turn this off."
NO_MARKS = "In #{name} the bot lacks Add Reactions: staff see no marks on their messages."
OPEN = "Everyone on the server can see #{name} and what visitors write there: hide it from @everyone."
OPEN_TO_ALL = (
    "Everyone on the server can see #{name}, and everyone who can write there counts as staff: hide it from "
    "@everyone, or set the staff roles."
)

NEEDED = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "create_public_threads": "Create Public Threads",
    "read_message_history": "Read Message History",
    "manage_threads": "Manage Threads",
    "embed_links": "Embed Links",
    "attach_files": "Attach Files",
}
NEEDED_IN_ROOM = {
    "view_channel": "View Channel",
    "read_message_history": "Read Message History",
    "manage_webhooks": "Manage Webhooks",
}
FORUM_ONLY_SENDING = frozenset({"create_public_threads"})
"""In a forum, “Send Messages” is the permission to create posts."""
TEXT, FORUMS = (0, 5), (15, 16)
"""Types of channels: text and announcements; forums and media channels."""
REQUIRE_TAG = 1 << 4


@dataclass(frozen=True)
class Place:
    """A channel as described by Discord's HTTP API, with its server and the bot as a member of it."""

    channel: Mapping[str, Any]
    guild: Mapping[str, Any]
    me: Mapping[str, Any]
    my_id: int

    @property
    def name(self) -> str:
        return str(self.channel.get("name") or self.channel.get("id"))

    @property
    def guild_id(self) -> int | None:
        return id_of(self.guild)

    @property
    def is_forum(self) -> bool:
        return self.channel.get("type") in FORUMS

    @property
    def is_text(self) -> bool:
        return self.channel.get("type") in TEXT

    @property
    def wants_tag(self) -> bool:
        """Whether each post needs a tag, but the forum has none."""
        flags = self.channel.get("flags")
        wanted = isinstance(flags, int) and bool(flags & REQUIRE_TAG)
        return self.is_forum and wanted and not self.channel.get("available_tags")

    def may(self) -> discord.Permissions:
        """Return the bot's permissions there."""
        roles = self.me.get("roles")
        role_ids = (
            {int(role) for role in roles if str(role).isdecimal()} if isinstance(roles, list) else set()
        )
        return self._permissions(role_ids, self.my_id)

    def everyone_sees(self) -> bool:
        return self._permissions(set(), None).view_channel

    def _permissions(self, roles: set[int], member: int | None) -> discord.Permissions:
        """Compute permissions like Discord: those of the roles, then overwrites for everyone, the roles, the member."""
        if member is not None and id_of(self.guild, "owner_id") == member:
            return discord.Permissions.all()
        granted = 0
        for role in _objects(self.guild.get("roles")):
            if id_of(role) in roles | {self.guild_id}:
                granted |= _bits(role, "permissions")
        if granted & discord.Permissions(administrator=True).value:
            return discord.Permissions.all()
        overwrites = {
            id_of(overwrite): overwrite for overwrite in _objects(self.channel.get("permission_overwrites"))
        }
        for step in ({self.guild_id}, roles - {self.guild_id}, {member}):
            denied = allowed = 0
            for pk in step & overwrites.keys():
                denied |= _bits(overwrites[pk], "deny")
                allowed |= _bits(overwrites[pk], "allow")
            granted = (granted & ~denied) | allowed
        return discord.Permissions(granted)


def lacks(place: Place, *, room: bool) -> str:
    """Return the names of the permissions that the bot lacks there; empty if it has all."""
    needed = NEEDED_IN_ROOM if room else NEEDED
    granted = place.may()
    without = FORUM_ONLY_SENDING if place.is_forum else frozenset()
    return ", ".join(
        label for name, label in needed.items() if name not in without and not getattr(granted, name)
    )


def _objects(value: object) -> Iterable[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _bits(payload: Mapping[str, Any], name: str) -> int:
    value = str(payload.get(name) or 0)
    return int(value) if value.isdecimal() else 0
