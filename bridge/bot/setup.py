"""What must be right in Discord before the bot is of use, each mistake in one sentence that says what to do."""

import discord

from bridge.bot.database import db
from bridge.models import Inbox


class SetupError(Exception):
    """The bot cannot work like this; the sentence is for whoever started it."""


REFUSED = "Discord refused the token: copy it again from the developer portal (Bot → Reset Token) into DISCORD_TOKEN."
NOT_SET = (
    "DISCORD_TOKEN is not set: put the bot's token into the environment, .env or settings.py, or try it without "
    "Discord by run_discord_bot --sandbox."
)
NO_INTENT = (
    "The bot may not read messages: switch on “Message Content Intent” in the developer portal "
    "(Bot → Privileged Gateway Intents) and start it again."
)
NO_CHANNEL = (
    "No inbox has a Discord channel: set DISCORD_CHANNEL_ID to a text or forum channel's id, "
    "or fill in the inbox's channel in the admin."
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
TO_MARK = {"add_reactions": "Add Reactions"}
"""Needed where an inbox wants ✅ and ⚠, or 👁."""
FORUM_ONLY_SENDING = frozenset({"create_public_threads"})
"""In a forum, “Send Messages” is the right to make posts."""


async def check(client: discord.Client) -> None:
    """Raises SetupError for the first thing that is wrong."""
    inboxes = await db(_inboxes)
    if not inboxes:
        raise SetupError(NO_CHANNEL)
    for inbox, channel_id in inboxes:
        await _check_channel(client, inbox, channel_id)


async def _check_channel(client: discord.Client, inbox: Inbox, channel_id: int) -> None:
    try:
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
    except (discord.NotFound, discord.Forbidden, discord.InvalidData) as error:
        raise SetupError(
            f"The bot cannot see the channel {channel_id} of inbox “{inbox}”: check the id, invite the bot to that "
            "server and give it “View Channel” there."
        ) from error
    if not isinstance(channel, discord.TextChannel | discord.ForumChannel):
        raise SetupError(
            f"The channel {channel_id} of inbox “{inbox}” is neither a text nor a forum channel: choose another."
        )
    granted = channel.permissions_for(channel.guild.me)
    marks = inbox.mark_relayed or inbox.show_read == Inbox.ShowRead.REACTION
    needed = NEEDED | (TO_MARK if marks else {})
    if isinstance(channel, discord.ForumChannel):
        needed = {name: label for name, label in needed.items() if name not in FORUM_ONLY_SENDING}
    missing = [label for name, label in needed.items() if not getattr(granted, name)]
    if missing:
        raise SetupError(
            f"In #{channel.name} the bot lacks: {', '.join(missing)}. Give its role these permissions there."
        )


def _inboxes() -> list[tuple[Inbox, int]]:
    found = [(inbox, inbox.channel_id) for inbox in Inbox.objects.filter(enabled=True).order_by("pk")]
    return [(inbox, channel_id) for inbox, channel_id in found if channel_id is not None]
