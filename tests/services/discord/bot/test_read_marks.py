"""Staff see how far the visitor has read, where the inbox asks for it."""

import asyncio
import math
import time
from typing import Any

import pytest

from bridge.chat import actions, publishing
from bridge.models import Endpoint, Inbox, Message, Participant
from bridge.sandbox import defaults
from bridge.services.discord.bot import displays
from bridge.text import emojis
from tests.services.discord.bot.stage import STRANGER, VISITOR, Stage, db, eventually

EVERY = 0.3
EYE = emojis.EYE
REACT = "PUT /channels/*/messages/*/reactions/*/@me"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(displays, "READ_EVERY", dict.fromkeys(Inbox.ShowRead, EVERY))


def read_up_to(content: str) -> str:
    """The visitor reads this message; returns the conversation's uid."""
    message = Message.objects.select_related("connection").get(content=content)
    reader = Participant.objects.get(connection=message.connection, role="visitor")
    assert actions.mark_read(reader.pk, seq=message.seq)
    return str(message.connection.uid)


async def reads(stage: Stage, content: str) -> None:
    """And the bot hears of it, as `receipt.read` lets it."""
    uid = await db(read_up_to, content)
    assert stage.runner is not None
    publishing.tell_bot("read", uid)


async def marked(stage: Stage, thread: str) -> list[str]:
    """What stands in the thread with our eye on it."""
    said = await stage.sandbox.messages(thread)
    return [each["content"] for each in said if EYE in [reaction["emoji"] for reaction in each["reactions"]]]


async def answers(stage: Stage, thread: str, *texts: str) -> None:
    for text in texts:
        await stage.sandbox.post_as("ada", thread, text)
    await eventually(lambda: db(Message.objects.filter(content=texts[-1]).exists))


async def test_the_eye_stands_at_the_newest_that_was_read_and_nowhere_else(up: Stage) -> None:
    await up.change_inbox(show_read=Inbox.ShowRead.REACTION)
    thread, other = await up.converse("Hello"), await up.converse("Hi", visitor=STRANGER)
    await answers(up, thread, "one", "two", "three")
    await answers(up, other, "for a stranger")
    await reads(up, "one")
    await eventually(lambda: _is(up, thread, ["one"]), "the first is marked")
    await reads(up, "three")
    await eventually(lambda: _is(up, thread, ["three"]), "the mark has moved")
    assert await marked(up, other) == []
    # It is no reaction of anybody's: the page shows none.
    assert not await db(Message.objects.filter(reactions__isnull=False).exists)


async def _is(stage: Stage, thread: str, texts: list[str]) -> bool:
    return await marked(stage, thread) == texts


async def test_what_is_read_quickly_costs_one_request_in_a_while(up: Stage) -> None:
    await up.change_inbox(show_read=Inbox.ShowRead.REACTION)
    thread = await up.converse("Hello")
    texts = [str(number) for number in range(8)]
    await answers(up, thread, *texts)
    before = len(_eyes(up))
    begun = time.monotonic()
    for text in texts:
        await reads(up, text)
    await eventually(lambda: _is(up, thread, [texts[-1]]), "the last is marked")
    moves = 1 + math.ceil((time.monotonic() - begun) / EVERY)
    assert len(_eyes(up)) - before <= 2 * moves


def _eyes(stage: Stage) -> list[str]:
    return [path for _, path, _ in stage.bodies if "/reactions/" in path]


async def test_what_was_read_while_the_bot_was_down_is_marked_when_it_is_back(stage: Stage) -> None:
    await stage.start()
    await stage.change_inbox(show_read=Inbox.ShowRead.REACTION)
    thread = await stage.converse("Hello")
    await answers(stage, thread, "one", "two")
    await reads(stage, "one")
    await eventually(lambda: _is(stage, thread, ["one"]), "the first is marked")
    await stage.stop()
    await db(read_up_to, "two")
    await stage.start()
    await eventually(lambda: _is(stage, thread, ["two"]), "the mark has moved")
    two = (await stage.sandbox.messages(thread))[-1]["id"]
    await eventually(lambda: db(Endpoint.objects.filter(read_mark=two).exists), "it is noted")


async def test_a_bot_that_died_while_it_moved_the_mark_leaves_none_behind(
    stage: Stage, delays_end: asyncio.Event
) -> None:
    await stage.start()
    await stage.change_inbox(show_read=Inbox.ShowRead.REACTION)
    thread = await stage.converse("Hello")
    await answers(stage, thread, "one", "two", "three")
    # Each is marked, but the bot never hears so.
    await stage.sandbox.fault("delay", route=REACT, when="after", times=2)
    await reads(stage, "one")
    await eventually(lambda: _is(stage, thread, ["one"]), "the first is marked")
    await stage.stop()
    await db(read_up_to, "two")
    await stage.start()
    await eventually(lambda: _is(stage, thread, ["one", "two"]), "the second is, too")
    await stage.stop()
    await db(read_up_to, "three")
    await stage.start()
    await eventually(lambda: _is(stage, thread, ["three"]), "no other is left")


async def test_what_discord_refuses_is_not_asked_for_again(up: Stage) -> None:
    await up.change_inbox(show_read=Inbox.ShowRead.REACTION)
    thread = await up.converse("Hello")
    await answers(up, thread, "one")
    await up.sandbox.archive(thread)
    await reads(up, "one")
    one = (await up.sandbox.messages(thread))[-1]["id"]
    endpoint = await eventually(lambda: db(Endpoint.objects.filter(read_mark=one).first), "it is noted")
    assert endpoint.remote_id == thread
    assert await marked(up, thread) == []
    tried = len(_eyes(up))
    await up.bot.readers.sweep()
    await up.converse("And on")
    assert len(_eyes(up)) == tried == 1


@pytest.mark.parametrize("channel", [defaults.SUPPORT_CHANNEL_ID, defaults.FORUM_CHANNEL_ID])
async def test_the_card_says_it_where_the_inbox_wants_it_there(up: Stage, channel: int) -> None:
    await up.change_inbox(show_read=Inbox.ShowRead.CARD, discord_channel_id=str(channel))
    thread = await up.converse("Hello")
    await answers(up, thread, "one")
    await reads(up, "one")
    newest = (await up.sandbox.messages(thread))[-1]["id"]
    place = thread if channel == defaults.FORUM_CHANNEL_ID else str(channel)

    async def shown() -> str:
        card = next(each for each in await up.sandbox.messages(place) if each["id"] == thread)
        found: list[dict[str, Any]] = card["embeds"][0]["fields"]
        return next((field["value"] for field in found if field["name"] == "Read up to"), "")

    assert f"/{thread}/{newest} <t:" in await eventually(shown, "the card says it")
    assert await marked(up, thread) == []


async def test_nothing_is_shown_where_the_inbox_does_not_ask(up: Stage) -> None:
    thread = await up.converse("Hello")
    await answers(up, thread, "one")
    await reads(up, "one")
    await up.bot.readers.sweep()
    await answers(up, thread, "two")
    assert _eyes(up) == []
    assert (await up.endpoint(VISITOR)).read_mark == ""
