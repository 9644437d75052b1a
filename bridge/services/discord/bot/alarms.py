"""Tells staff in Discord, once, that an inbox is at its limit of new conversations."""

import discord

from bridge.models import Inbox
from bridge.services.discord.bot.database import db
from bridge.services.discord.text import plain
from bridge.services.discord.threads import required_tags

TITLE = "⚠ New conversations have to wait"
TEXT = (
    "⚠ The inbox **{inbox}** has reached its limit of new conversations. Open conversations continue. New visitors "
    "have to wait, and nothing is lost. If this is an attack, set “Check browsers” on the inbox's page in the admin."
)


async def tell(client: discord.Client) -> None:
    """Notify staff. Raises discord.HTTPException if a channel cannot be written to. No notice is sent twice."""
    for inbox, channel_id in await db(_untold):
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        text = TEXT.format(inbox=plain(str(inbox)))
        if isinstance(channel, discord.ForumChannel):
            await channel.create_thread(name=TITLE, content=text, applied_tags=required_tags(channel))
        elif isinstance(channel, discord.TextChannel):
            await channel.send(text)


def _untold() -> list[tuple[Inbox, int]]:
    """Return the inboxes that staff were not notified about, and record that they are notified now."""
    full = list(Inbox.objects.filter(full_told=False))
    Inbox.objects.filter(pk__in=[inbox.pk for inbox in full]).update(full_told=True)
    return [(inbox, channel_id) for inbox in full if (channel_id := inbox.channel_id) is not None]
