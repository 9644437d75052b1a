"""Servers that are not there: not yet, for a while, or not any more. What was said meanwhile is caught up with."""

import pytest

from bridge.models import Inbox
from bridge.sandbox import defaults
from bridge.services.discord.bot import lease
from tests.services.discord.bot.stage import (
    STRANGER,
    VISITOR,
    HastyBot,
    Stage,
    db,
    eventually,
    held,
    look_around,
)
from tests.services.discord.bot.test_rooms import LOBBY, Room

SERVER = defaults.GUILD_ID


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As discord.py: it is ready once no further server has come for a while."""
    monkeypatch.setattr(HastyBot, "server_within", 0.1)


async def connected(stage: Stage) -> None:
    await eventually(lambda: hasattr(HastyBot, "latest") and stage.bot.attached and stage.bot.relay.is_listed)


async def test_a_server_that_is_unavailable_at_the_start_is_caught_up_when_it_appears(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    room = await Room(stage).make()
    await stage.start()
    thread, archived = await stage.converse("Hello"), await stage.converse("Ahoy", visitor=STRANGER)
    await stage.stop()
    caplog.clear()
    await stage.sandbox.set_available(SERVER, False)
    await stage.start(wait=False)
    await connected(stage)
    # It knows that it does not hear all, and neither holds nor reports what is only away.
    assert not stage.bot.is_up_to_date
    await stage.sandbox.post_as("ada", thread, "While it was away")
    await stage.sandbox.post_as("ada", archived, "Here, too")
    await stage.sandbox.archive(archived)
    await stage.sandbox.post_as("ada", LOBBY, "And in the room")
    assert "is on hold" not in caplog.text
    assert "gone" not in caplog.text
    assert "Traceback" not in caplog.text
    await stage.sandbox.set_available(SERVER, True)
    await stage.until_caught_up()
    await stage.sandbox.post_as("ada", thread, "And now")
    await stage.page_shows("Hello", "While it was away", "And now")
    await stage.page_shows("Ahoy", "Here, too", visitor=STRANGER)
    await room.page_shows(("Ada", "And in the room"))
    assert stage.server.sandbox.gateway.identifies == 2


async def test_a_server_that_comes_late_is_caught_up_before_what_is_said_in_it(stage: Stage) -> None:
    await stage.start()
    thread = await stage.converse("Hello")
    await stage.stop()
    await stage.sandbox.fault("delay", event="GUILD_CREATE", seconds=0.5, times=1)
    await stage.sandbox.fault("withhold", event="MESSAGE_CREATE", content="Missed")
    await stage.start(wait=False)
    await connected(stage)
    await stage.sandbox.post_as("ada", thread, "Missed")
    await stage.until_caught_up()
    await stage.sandbox.post_as("ada", thread, "Live")
    await stage.page_shows("Hello", "Missed", "Live")


async def test_nothing_is_lost_of_a_server_that_was_away_for_a_while(up: Stage) -> None:
    thread, quiet = await up.converse("Hello"), await up.converse("Ahoy", visitor=STRANGER)
    await up.sandbox.set_available(SERVER, False)
    await eventually(lambda: not up.bot.is_up_to_date)
    await up.sandbox.post_as("ada", thread, "While it was away")
    await up.sandbox.post_as("ada", quiet, "Here, too")
    await up.sandbox.archive(quiet)
    await up.sandbox.set_available(SERVER, True)
    await up.sandbox.post_as("ada", thread, "And now")
    await up.page_shows("Hello", "While it was away", "And now")
    await up.page_shows("Ahoy", "Here, too", visitor=STRANGER)
    assert up.server.sandbox.gateway.identifies == 1


async def test_a_bot_that_ends_during_the_outage_looks_back_to_its_beginning(up: Stage) -> None:
    quiet = await up.converse("Hello")
    await up.sandbox.set_available(SERVER, False)
    await eventually(lambda: not up.bot.is_up_to_date)
    await up.sandbox.post_as("ada", quiet, "While it was away")
    await up.sandbox.archive(quiet)
    beat = await db(lease.last_beat)
    up.clock.advance(3600)
    await up.stop()
    assert await db(lease.last_beat) == beat
    await up.sandbox.set_available(SERVER, True)
    await up.start()
    await up.page_shows("Hello", "While it was away")


async def test_the_outage_of_one_server_stops_no_other(stage: Stage) -> None:
    await stage.sandbox.found_branch()
    await db(
        lambda: Inbox.objects.create(
            name="branch", discord_channel_id=str(defaults.BRANCH_CHANNEL_ID), staff_roles=""
        )
    )
    await stage.start()
    await stage.say("To the branch", visitor=STRANGER, inbox="branch")
    branch = await stage.thread(STRANGER)
    await stage.sandbox.set_available(defaults.BRANCH_ID, False)
    await stage.sandbox.fault("error", route=f"GET /guilds/{defaults.BRANCH_ID}/**", status=503)
    await stage.sandbox.post_as("ada", branch, "From the branch")
    thread = await stage.converse_with(VISITOR, "Hello")
    # A new session finds its threads not to be listed; those of the other one are.
    await stage.sandbox.drop_gateway(resumable=False)
    await eventually(lambda: stage.server.sandbox.gateway.identifies == 2)
    await connected(stage)
    await stage.sandbox.post_as("ada", thread, "Hello yourself")
    await stage.page_shows("Hello", "Hello yourself")
    assert not stage.bot.is_up_to_date
    await stage.sandbox.clear_faults()
    await stage.sandbox.set_available(defaults.BRANCH_ID, True)
    await stage.page_shows("To the branch", "From the branch", visitor=STRANGER)
    await stage.until_caught_up()


async def test_a_bot_that_was_taken_off_a_server_goes_on_when_it_is_invited_again(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.leave(SERVER)
    await eventually(lambda: up.bot.get_guild(SERVER) is None)
    await look_around(up)
    assert await held("default")
    await up.say("Anybody there?")
    await up.sandbox.post_as("ada", thread, "Unseen")
    await up.sandbox.join(SERVER)
    await up.page_shows("Hello", "Anybody there?", "Unseen")
    await up.discord_shows(thread, "Hello", "Unseen", "Anybody there?")
    assert await held("default") == ""
