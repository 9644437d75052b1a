"""Signals for other apps, of what the bot's process commits."""

from typing import Any

from bridge import signals
from bridge.chat import hooks
from bridge.models import Connection
from tests.services.discord.bot.stage import STRANGER, Stage, db


async def test_what_staff_write_and_what_arrives_is_told_in_the_bots_process(up: Stage) -> None:
    told: list[tuple[str, str, str]] = []
    owners: set[int] = set()

    async def receiver(signal: Any, connection: Connection, message: Any, source: str, **_: Any) -> None:
        told.append((signal.name, message.content, source))
        owners.add(connection.pk)

    await up.say("Of no concern", visitor=STRANGER)
    thread = await up.converse("Hello")
    wanted = [signals.message_posted, signals.message_delivered, signals.message_edited]
    for each in wanted:
        each.connect(receiver)
    answer = await up.sandbox.post_as("ada", thread, "Helo")
    await up.page_shows("Hello", "Helo")
    await up.sandbox.edit(thread, answer["id"], "Hello, visitor")
    await up.page_shows("Hello", "Hello, visitor")
    (message,) = await up.say("Thanks")
    await up.delivered()
    assert await db(hooks.drain, 60)
    for each in wanted:
        each.disconnect(receiver)
    # The row is loaded when it is told: the post may show what it was edited to already.
    assert [(name, source) for name, _, source in told] == [
        ("message_posted", "discord"),
        ("message_edited", "discord"),
        ("message_posted", "web"),
        ("message_delivered", "web"),
    ]
    assert [content for _, content, _ in told[1:]] == ["Hello, visitor", "Thanks", "Thanks"]
    assert owners == {message.connection_id}
