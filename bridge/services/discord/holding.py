"""An inbox whose channel cannot be used: what waits for it rests until it can."""

from datetime import datetime, timedelta

from django.db.models.functions import Now

from bridge.models import Connection, Endpoint, Inbox
from bridge.services.discord.service import DiscordService

CLAIMED = timedelta(seconds=60)
"""A line that is due sooner may be in somebody's hands: its claim is left alone, and it looks again by itself."""


def note_state(
    inbox: int, *, trouble: str, hint: str, unseen_since: datetime, server: int | None = None
) -> None:
    """Store what the bot found, for the admin."""
    rows = Inbox.objects.filter(pk=inbox)
    state = {"discord_trouble": trouble[:300], "discord_hint": hint[:300]}
    rows.exclude(**state).update(**state)
    if server is not None:
        rows.exclude(discord_server_id=str(server)).update(discord_server_id=str(server))
    if trouble:
        rows.filter(discord_unseen_since__isnull=True).update(discord_unseen_since=unseen_since)


def note_room(endpoint: int, *, trouble: str) -> None:
    """The same of a room. What waits for it says so itself."""
    rows = Endpoint.objects.filter(pk=endpoint, due__isnull=True)
    rows.exclude(trouble=trouble[:300]).update(trouble=trouble[:300])


def note_seen(inboxes: dict[int, datetime]) -> None:
    """What was said there has been looked at; `inboxes`: since when it had not been."""
    for inbox, since in inboxes.items():
        Inbox.objects.filter(pk=inbox, discord_unseen_since=since, discord_trouble="").update(
            discord_unseen_since=None
        )


def wake(inbox: int) -> None:
    """Let its private conversations' lines go on."""
    resting = Endpoint.objects.filter(
        service=DiscordService.name,
        connection__inbox=inbox,
        connection__kind=Connection.Kind.PRIVATE,
        due__gt=Now() + CLAIMED,
    )
    resting.update(due=Now(), trouble="")
