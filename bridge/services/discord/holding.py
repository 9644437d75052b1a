"""Records which inboxes cannot be used, and wakes their lines when they can be used again."""

from datetime import datetime, timedelta

from django.db.models.functions import Now

from bridge.models import Connection, Endpoint, Inbox
from bridge.services.discord.service import DiscordService

CLAIMED = timedelta(seconds=60)
"""A line that is due sooner may be claimed. It is left alone, because it becomes due soon anyway."""


def note_state(
    inbox: int, *, trouble: str, hint: str, unseen_since: datetime, server: int | None = None
) -> None:
    """Store the bot's findings on an inbox, for the admin."""
    rows = Inbox.objects.filter(pk=inbox)
    state = {"discord_trouble": trouble[:300], "discord_hint": hint[:300]}
    rows.exclude(**state).update(**state)
    if server is not None:
        rows.exclude(discord_server_id=str(server)).update(discord_server_id=str(server))
    if trouble:
        rows.filter(discord_unseen_since__isnull=True).update(discord_unseen_since=unseen_since)


def note_room(endpoint: int, *, trouble: str) -> None:
    """Store the bot's findings on a room. If deliveries are waiting, their failures record the trouble."""
    rows = Endpoint.objects.filter(pk=endpoint, due__isnull=True)
    rows.exclude(trouble=trouble[:300]).update(trouble=trouble[:300])


def note_seen(inboxes: dict[int, datetime]) -> None:
    """Record that these inboxes' channels have been read; `inboxes`: since when each had not been."""
    for inbox, since in inboxes.items():
        Inbox.objects.filter(pk=inbox, discord_unseen_since=since, discord_trouble="").update(
            discord_unseen_since=None
        )


def wake(inbox: int) -> None:
    """Let the lines of its private conversations continue."""
    resting = Endpoint.objects.filter(
        service=DiscordService.name,
        connection__inbox=inbox,
        connection__kind=Connection.Kind.PRIVATE,
        due__gt=Now() + CLAIMED,
    )
    resting.update(due=Now(), trouble="")
