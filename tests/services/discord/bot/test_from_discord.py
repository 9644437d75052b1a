"""What staff write, change and take back in Discord reaches the database and the page."""

import asyncio
import threading
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import DatabaseError

from bridge.chat import publishing
from bridge.chat.actions import receiving
from bridge.chat.publishing import BOT_GROUP, WEB_GROUP
from bridge.models import Endpoint, Inbox, Message, Participant, RemoteMessage
from bridge.presence import team
from bridge.sandbox import defaults, gateway
from bridge.services.discord.bot import lanes, relay
from tests.services.discord.bot.stage import Stage, db, eventually

SUPPORT = defaults.SUPPORT_CHANNEL_ID


async def reactions(stage: Stage, thread: str, message: dict[str, Any]) -> list[str]:
    found = [each for each in await stage.sandbox.messages(thread) if each["id"] == message["id"]]
    return [each["emoji"] for each in found[0]["reactions"]]


# ------------------------------------------------------------------- messages


async def test_an_answer_reaches_the_page_with_name_and_picture(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as("ada", thread, "Hello, visitor")
    await up.page_shows("Hello", "Hello, visitor")
    answer = await db(lambda: Message.objects.select_related("author").latest("seq"))
    assert (answer.author.role, answer.author.nick, answer.author.service) == ("staff", "Ada", "discord")
    assert answer.author.avatar.startswith("https://cdn.discordapp.com/")
    assert (answer.state, answer.service) == ("delivered", "discord")


async def test_edits_and_deletions_of_staff_reach_the_page(up: Stage) -> None:
    thread = await up.converse("Hello")
    first = await up.sandbox.post_as("ada", thread, "Helo")
    second = await up.sandbox.post_as("grace", thread, "A mistake")
    await up.sandbox.edit(thread, first["id"], "Hello, visitor")
    await up.sandbox.delete(thread, second["id"])
    await up.page_shows("Hello", "Hello, visitor")
    gone = await db(lambda: Message.objects.get(deleted_at__isnull=False))
    assert gone.content == ""


async def test_what_is_said_in_many_threads_stays_in_order_in_each(up: Stage) -> None:
    thread = await up.converse("Hello")
    for number in range(30):
        await up.sandbox.post_as("ada", thread, str(number))
    await up.page_shows("Hello", *map(str, range(30)))


async def test_other_bots_are_ignored_unless_the_inbox_wants_them(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as("butler", thread, "Unwanted")
    await up.sandbox.post_as("ada", thread, "First")
    await up.page_shows("Hello", "First")
    await up.change_inbox(relay_bots=True)
    await up.sandbox.post_as("butler", thread, "Wanted")
    await up.page_shows("Hello", "First", "Wanted")


async def test_its_own_messages_and_system_messages_do_not_come_back(up: Stage) -> None:
    thread = await up.converse("Hello")
    up.world.create_system_message(int(thread), 4, defaults.ADA_ID)  # renamed
    pinned = int((await up.sandbox.messages(thread))[-1]["id"])
    up.world.create_system_message(int(thread), 6, defaults.ADA_ID, referenced_message_id=pinned)
    up.world.say(int(thread), defaults.BOT_ID, "By hand, in the bot's name")
    await up.sandbox.post_as("ada", thread, "Answer")
    await up.page_shows("Hello", "Answer")
    assert await db(Message.objects.count) == 2


async def test_talk_outside_of_conversations_is_nobodys_business(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as("ada", SUPPORT, "Internal")
    await up.sandbox.post_as("ada", defaults.GENERAL_CHANNEL_ID, "Internal")
    await up.sandbox.post_as("ada", thread, "Answer")
    await up.page_shows("Hello", "Answer")
    await eventually(lambda: not up.bot.relay._lanes, "every lane is gone")


async def test_an_answer_reopens_a_closed_conversation(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.close_connection()
    await up.sandbox.post_as("ada", thread, "One more thing")
    await up.page_shows("Hello", "One more thing")
    assert (await up.endpoint()).connection.is_open


async def test_mentions_are_readable(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.post_as(
        "ada",
        thread,
        f"<@{defaults.GRACE_ID}> asks in <#{defaults.GENERAL_CHANNEL_ID}> <:wave:1180000000000000099>",
    )
    await up.page_shows("Hello", "@Grace asks in #general <:wave:1180000000000000099>")


# ---------------------------------------------------------------------- marks


async def test_what_was_relayed_is_marked_only_where_the_inbox_asks(up: Stage) -> None:
    thread = await up.converse("Hello")
    plain = await up.sandbox.post_as("ada", thread, "Unmarked")
    await up.page_shows("Hello", "Unmarked")
    await up.change_inbox(mark_relayed=True)
    marked = await up.sandbox.post_as("ada", thread, "Marked")
    await eventually(lambda: reactions(up, thread, marked))
    assert await reactions(up, thread, marked) == ["✅"]
    assert await reactions(up, thread, plain) == []


async def test_what_cannot_be_stored_is_marked_and_comes_in_order_later(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await up.converse("Hello")
    await up.change_inbox(mark_relayed=True)
    working, broken = receiving.receive_message, threading.Event()

    def receive(*args: Any, **options: Any) -> Any:
        if broken.is_set():
            raise DatabaseError("the disk is full")
        return working(*args, **options)

    monkeypatch.setattr(receiving, "receive_message", receive)
    broken.set()
    first = await up.sandbox.post_as("ada", thread, "one")
    await up.sandbox.post_as("ada", thread, "two")

    async def marked(emoji: str) -> bool:
        return await reactions(up, thread, first) == [emoji]

    await eventually(lambda: marked("⚠️"), "the warning is shown")
    assert not up.bot.is_up_to_date
    broken.clear()
    await up.page_shows("Hello", "one", "two")
    await eventually(lambda: marked("✅"), "the warning is taken back")


# --------------------------------------------------------------------- faults


async def test_events_that_come_twice_are_one_message(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.fault("duplicate", event="*")
    said = await up.sandbox.post_as("ada", thread, "Once")
    await up.sandbox.edit(thread, said["id"], "Once!")
    await up.page_shows("Hello", "Once!")
    await up.sandbox.post_as("ada", thread, "Last")
    await up.page_shows("Hello", "Once!", "Last")


@pytest.fixture
def patient_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine neighbours are further apart."""
    monkeypatch.setattr(lanes, "SETTLE", 1.0)
    monkeypatch.setattr(gateway, "_REORDER_SECONDS", 60.0)


@pytest.mark.usefixtures("patient_lanes")
async def test_neighbours_that_come_in_the_wrong_order_are_put_right(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.fault("reorder", event="MESSAGE_CREATE", content="one", times=1)
    await up.sandbox.post_as("ada", thread, "one")
    await up.sandbox.post_as("ada", thread, "two")
    await up.page_shows("Hello", "one", "two")


@pytest.mark.usefixtures("patient_lanes")
async def test_an_edit_that_comes_before_its_message_is_not_lost(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.fault("reorder", event="MESSAGE_CREATE", content="Helo", times=1)
    said = await up.sandbox.post_as("ada", thread, "Helo")
    await up.sandbox.edit(thread, said["id"], "Hello")
    await up.page_shows("Hello", "Hello")


async def test_a_deletion_that_comes_before_its_message_wins(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.fault("reorder", event="MESSAGE_CREATE", content="Oops", times=1)
    said = await up.sandbox.post_as("ada", thread, "Oops")
    await up.sandbox.delete(thread, said["id"])
    await up.sandbox.post_as("ada", thread, "Answer")
    await up.page_shows("Hello", "Answer")
    assert await db(
        lambda: RemoteMessage.objects.filter(remote_id=said["id"], deleted_at__isnull=False).exists()
    )


async def test_an_event_that_never_came_is_found_by_comparing(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.fault("withhold", event="MESSAGE_CREATE", content="Lost", times=1)
    await up.sandbox.post_as("ada", thread, "Lost")
    await up.bot.cogs["RelayCog"].sweep()
    await up.page_shows("Hello", "Lost")


async def test_what_is_answered_while_the_thread_is_being_opened_is_not_lost(
    up: Stage, delays_end: asyncio.Event
) -> None:
    """The thread is in Discord, and not yet known here: its answer hangs."""
    await up.sandbox.fault("delay", route="POST /channels/*/messages/*/threads", when="after")
    await up.say("Hello")
    (thread,) = await eventually(up.sandbox.threads)
    await up.sandbox.post_as("ada", thread["id"], "Quick answer")
    await eventually(lambda: int(thread["id"]) in up.bot.relay._strangers)
    assert await db(lambda: Endpoint.objects.filter(remote_id__isnull=False).count()) == 0
    delays_end.set()
    await up.delivered()
    await eventually(lambda: db(lambda: Message.objects.filter(content="Quick answer").exists()))
    await eventually(lambda: not up.bot.relay._strangers)


async def test_a_thread_that_becomes_known_while_it_is_looked_up_is_read(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await up.converse("Hello")
    loop, looking = asyncio.get_running_loop(), relay.endpoint_of
    looked: list[int] = []

    def too_early(thread_id: int) -> Endpoint | None:
        looked.append(thread_id)
        if len(looked) > 1:
            return looking(thread_id)
        loop.call_soon_threadsafe(up.bot.relay.opened, str(thread_id))
        return None

    monkeypatch.setattr(relay, "endpoint_of", too_early)
    await up.sandbox.post_as("ada", thread, "Answer")
    await up.page_shows("Hello", "Answer")


async def test_many_strangers_are_not_remembered_for_ever(up: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.services.discord.bot.relay.REMEMBERED", 10)
    for number in range(1, 50):
        up.bot.relay.read_again(number)
    await eventually(lambda: not up.bot.relay._lanes, "every lane is gone")
    assert len(up.bot.relay._strangers) == 10


# ------------------------------------------------------------ typing, presence


async def listen(group: str) -> Any:
    layer: Any = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group, channel)

    async def hear(text: str) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while text not in str(message := await layer.receive(channel)):
                pass
        return message  # type: ignore[no-any-return]

    return hear


async def test_staff_who_type_are_seen_on_the_page(up: Stage) -> None:
    thread = await up.converse("Hello")
    hear = await listen(WEB_GROUP)
    await up.sandbox.type_as("ada", thread)
    await hear("typing.started")
    inbox = await db(Inbox.objects.get)
    assert await team.staff_online(inbox.pk)
    assert await db(lambda: Participant.objects.filter(nick="Ada").count()) == 1


async def test_a_visitor_who_types_is_seen_in_discord_at_most_every_few_seconds(up: Stage) -> None:
    await up.converse("Hello")
    uid = str((await up.endpoint()).connection.uid)
    for _ in range(5):
        publishing.tell_bot("typing", uid)
        await asyncio.sleep(0.01)
    await up.sandbox.wait_for_requests(1, route="POST /channels/*/typing")
    assert up.asked("POST /channels/*/typing") == 1


async def test_the_team_is_online_once_the_bot_is_up_and_staff_wrote(up: Stage) -> None:
    inbox = await db(Inbox.objects.get)
    thread = await up.converse("Hello")
    assert not await team.staff_online(inbox.pk)
    await up.sandbox.post_as("ada", thread, "Hello")
    await eventually(lambda: team.staff_online(inbox.pk))
    await up.stop()
    assert not await team.staff_online(inbox.pk)


async def test_a_nudge_wakes_the_outbox_at_once(up: Stage) -> None:
    await up.converse("Hello")
    hear = await listen(BOT_GROUP)
    begun = asyncio.get_running_loop().time()
    await up.say("At once")
    await hear("bot.nudge")
    await up.discord_shows(await up.thread(), "Hello", "At once")
    assert asyncio.get_running_loop().time() - begun < 0.9


async def test_without_redis_everything_still_arrives(stage: Stage, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    settings.CHANNEL_LAYERS = {
        "default": {**settings.CHANNEL_LAYERS["default"], "CONFIG": {"hosts": ["redis://127.0.0.1:1"]}}
    }
    await stage.start()
    thread = await stage.converse("Hello")
    await stage.sandbox.post_as("ada", thread, "Answer")
    await stage.page_shows("Hello", "Answer")
    await stage.discord_shows(thread, "Hello", "Answer")
