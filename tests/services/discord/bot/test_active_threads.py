"""Discord's cap on active threads: whoever filled it, a newcomer reaches the team, and nobody loses a word."""

import asyncio
import uuid
from typing import Any

import pytest
from django.utils import timezone

from bridge.models import Delivery, Endpoint
from bridge.sandbox import defaults
from bridge.services.discord.bot import alarms
from tests.services.discord.bot.stage import STRANGER, VISITOR, Stage, db, eventually
from tests.services.discord.bot.test_files import send, storage
from tests.services.discord.bot.test_to_discord import FORUM, cards

__all__ = ["storage"]

CHANNELS = pytest.mark.parametrize("channel", [str(defaults.SUPPORT_CHANNEL_ID), FORUM])


def attacker(number: int) -> uuid.UUID:
    return uuid.UUID(int=1000 + number)


async def archived(up: Stage) -> set[str]:
    return {each["id"] for each in await up.sandbox.threads() if each["archived"]}


async def nothing_failed() -> bool:
    return not await db(lambda: Delivery.objects.filter(outcome=Delivery.Outcome.FAILED).exists())


@CHANNELS
async def test_open_conversations_do_not_keep_a_newcomer_out(up: Stage, channel: str) -> None:
    await up.change_inbox(discord_channel_id=channel)
    await up.sandbox.settings(active_thread_cap=4)
    attack = [await up.converse("Spam", visitor=attacker(number)) for number in range(4)]
    new = await up.converse("Is anybody there?", visitor=VISITOR)
    assert (await up.texts(new))[-1:] == ["Is anybody there?"]
    assert await archived(up) == {attack[0]}


@CHANNELS
async def test_the_longest_idle_thread_gives_way_whether_its_conversation_is_open_or_not(
    up: Stage, channel: str
) -> None:
    await up.change_inbox(discord_channel_id=channel)
    oldest = await up.converse("Came first, wrote last", visitor=attacker(0))
    idle = await up.converse("Open, and idle longest", visitor=attacker(1))
    closed = await up.converse("Closed later", visitor=attacker(2))
    await up.close_connection(attacker(2))
    await up.converse("Still here", visitor=attacker(0))
    await up.sandbox.settings(active_thread_cap=3)
    first = await up.converse("One", visitor=VISITOR)
    assert await archived(up) == {idle}
    second = await up.converse("Two", visitor=STRANGER)
    assert await archived(up) == {idle, closed}
    assert {oldest, first, second} & await archived(up) == set()


async def test_a_flood_larger_than_the_cap_reaches_the_team_whole_and_so_does_everybody_else(
    up: Stage,
) -> None:
    """Many lines at once, each of which has to make room."""
    await up.sandbox.settings(active_thread_cap=3)
    await asyncio.gather(*(up.say(f"Spam {number}", visitor=attacker(number)) for number in range(12)))
    await up.say("Is anybody there?")

    async def arrived() -> bool:
        up.pass_time(5)
        await asyncio.sleep(0.1)
        return not await db(lambda: Delivery.objects.filter(settled_at__isnull=True).exists())

    await eventually(arrived)
    assert await nothing_failed()
    assert await up.texts(await up.thread()) == ["Is anybody there?"]
    active = [each for each in await up.sandbox.threads() if not each["archived"]]
    assert len(await up.sandbox.threads()) == 13
    assert len(active) == 3


async def test_what_is_written_from_either_side_makes_a_thread_that_gave_way_active_again(up: Stage) -> None:
    thread = await up.converse("Before")
    await up.sandbox.settings(active_thread_cap=1)
    other = await up.converse("Newcomer", visitor=STRANGER)
    assert await archived(up) == {thread}
    await up.converse("After")  # the server is full: this one makes room, too
    assert await up.texts(thread) == ["Before", "After"]
    assert await archived(up) == {other}
    assert await nothing_failed()
    await up.sandbox.settings(active_thread_cap=2)
    await up.sandbox.post_as("ada", other, "I am late")
    await up.page_shows("Newcomer", "I am late", visitor=STRANGER)
    assert await archived(up) == set()


async def _say(up: Stage) -> None:
    await up.say("More")


async def _edit(up: Stage) -> None:
    message = (await up.say("Once"))[0]
    await up.delivered()
    await up.converse("In between", visitor=STRANGER)
    await up.edit(message, "Twice")


async def _take_back(up: Stage) -> None:
    message = (await up.say("Once"))[0]
    await up.delivered()
    await up.converse("In between", visitor=STRANGER)
    await up.take_back(message)


@pytest.mark.parametrize("change", [_say, _edit, _take_back])
async def test_a_full_server_costs_no_message_edit_or_deletion_in_an_archived_thread(
    up: Stage, change: Any
) -> None:
    """160006 comes for whatever makes a thread active, and says nothing of what was written."""
    thread = await up.converse("Before")
    await up.sandbox.settings(active_thread_cap=1)
    await up.converse("Newcomer", visitor=STRANGER)
    await change(up)
    await up.delivered()
    wanted = {_say: ["Before", "More"], _edit: ["Before", "Twice"], _take_back: ["Before"]}
    assert await up.texts(thread) == wanted[change]
    assert await nothing_failed()


async def test_a_file_is_sent_whole_once_room_was_made_for_its_message(up: Stage) -> None:
    """discord.py has read it to its end when Discord refuses the first request."""
    thread = await up.converse("Before")
    await up.sandbox.settings(active_thread_cap=1)
    await up.converse("Newcomer", visitor=STRANGER)
    data = b"All of it, to the last byte."
    await send(up, "", ("note.txt", data))
    await up.delivered()
    (sent,) = (await up.sandbox.messages(thread))[-1]["attachments"]
    assert sent["size"] == len(data)


async def test_threads_that_are_no_conversations_are_left_alone_and_staff_are_told(up: Stage) -> None:
    thread = await up.converse("Before")
    await db(lambda: Endpoint.objects.filter(remote_id=thread).update(remote_id="1"))
    await up.sandbox.settings(active_thread_cap=1)
    await up.say("No room", visitor=STRANGER)

    async def trouble() -> str:
        return str((await up.endpoint(STRANGER)).trouble)

    assert "archive some" in await eventually(trouble)
    assert await archived(up) == set()
    await up.sandbox.settings(active_thread_cap=1000)
    up.pass_time(61)
    await eventually(lambda: db(lambda: not Delivery.objects.filter(settled_at__isnull=True).exists()))
    assert len(await cards(up)) == 2
    assert await trouble() == ""


@CHANNELS
async def test_staff_are_told_once_that_an_inbox_is_at_its_limit(up: Stage, channel: str) -> None:
    await up.change_inbox(discord_channel_id=channel, full_at=timezone.now(), full_told=False)

    async def said() -> list[str]:
        places = [each["id"] for each in await up.sandbox.threads()] if channel == FORUM else [channel]
        return [each["content"] for place in places for each in await up.sandbox.messages(place)]

    # As the bot does every few seconds, and may have done by now.
    await alarms.tell(up.bot)
    (told,) = await eventually(said)
    assert "The inbox **default** has reached its limit" in told
    await alarms.tell(up.bot)
    assert await said() == [told]
