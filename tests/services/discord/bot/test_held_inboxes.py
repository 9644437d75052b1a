"""An inbox or a room that cannot be used in Discord holds itself alone, and goes on by itself once it can."""

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from discord.gateway import DiscordWebSocket, KeepAliveHandler
from discord.http import HTTPClient
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.utils import timezone
from simcord.backend.models import Channel
from simcord.enums import ChannelType

from bridge.models import Delivery, Endpoint, Inbox, Lease, Message
from bridge.sandbox import defaults
from bridge.sandbox.client import POSTS
from bridge.services.base import SetupError
from bridge.services.discord.bot import lease, runner, setup
from bridge.services.discord.bot.runner import Runner
from tests.services.discord.bot.stage import STRANGER, VISITOR, Stage, db, eventually, held, look_around
from tests.services.discord.bot.test_rooms import LOBBY, Room

SUPPORT = defaults.SUPPORT_CHANNEL_ID
FIRST = 1190000000000000000
Act = Callable[[Stage, int], Awaitable[None]]


async def hint(name: str) -> str:
    return await db(lambda: Inbox.objects.get(name=name).discord_hint)


def make_channel(stage: Stage, pk: int, kind: ChannelType = ChannelType.TEXT) -> int:
    world = stage.world
    world.channels[pk] = Channel(id=pk, type=kind, name=f"n{pk}", guild_id=world.guild.id, position=pk % 100)
    world.messages[pk] = {}
    world.guild.channel_ids.append(pk)
    world.mark("channel", pk)
    return pk


async def make_inbox(name: str, channel: int | str) -> None:
    await db(lambda: Inbox.objects.create(name=name, discord_channel_id=str(channel)))


async def use_channel(name: str, channel: int | str) -> None:
    await db(lambda: Inbox.objects.filter(name=name).update(discord_channel_id=str(channel)))


def denied(permission: str) -> tuple[Act, Act]:
    async def take(stage: Stage, channel: int) -> None:
        await stage.sandbox.permit(channel, permission, False)

    async def give(stage: Stage, channel: int) -> None:
        await stage.sandbox.permit(channel, permission, True)

    return take, give


async def delete(stage: Stage, channel: int) -> None:
    await stage.sandbox.remove(channel)


async def want_tag(stage: Stage, channel: int) -> None:
    await stage.sandbox.make_odd(match={"id": str(channel)}, put={"flags": setup.REQUIRE_TAG})


async def make_tag(stage: Stage, channel: int) -> None:
    stage.world.channels[channel].available_tags = [
        {"id": "1190000000000009999", "name": "web", "moderated": False, "emoji_id": None, "emoji_name": None}
    ]


async def choose_voice(stage: Stage, channel: int) -> None:
    """Discord makes no voice channel of a text channel, nor a forum: somebody chose the wrong one."""
    await use_channel(f"i{channel % 100}", make_channel(stage, channel + 2000, ChannelType.VOICE))


async def leave(stage: Stage, channel: int) -> None:
    await stage.sandbox.leave(defaults.BRANCH_ID)


async def join(stage: Stage, channel: int) -> None:
    await stage.sandbox.join(defaults.BRANCH_ID)


def named(text: str) -> Act:
    async def misname(stage: Stage, channel: int) -> None:
        await use_channel(f"i{channel % 100}", text)

    return misname


async def rename(stage: Stage, channel: int) -> None:
    """Somebody puts another channel into the admin."""
    await use_channel(f"i{channel % 100}", make_channel(stage, channel + 1000))


@dataclass(frozen=True)
class Way:
    spoil: Act
    mend: Act
    says: str
    kind: ChannelType = ChannelType.TEXT


WAYS = [
    Way(delete, rename, "cannot see the channel"),
    Way(*denied("view_channel"), "cannot see the channel"),
    Way(*denied("send_messages"), "lacks: Send Messages"),
    Way(*denied("send_messages_in_threads"), "lacks: Send Messages in Threads"),
    Way(*denied("create_public_threads"), "lacks: Create Public Threads"),
    Way(*denied("read_message_history"), "lacks: Read Message History"),
    Way(choose_voice, rename, "neither a text nor a forum channel"),
    Way(named("abc"), rename, "not a channel ID"),
    Way(named("99999999999999999999"), rename, "not a channel ID"),
    Way(named("1190000000000000999"), rename, "cannot see the channel"),
    Way(want_tag, make_tag, "requires a tag", ChannelType.FORUM),
    Way(leave, join, "cannot see the channel"),
]
CHANNELS = [*range(FIRST, FIRST + len(WAYS) - 1), defaults.BRANCH_CHANNEL_ID]
NAMES = [f"i{number % 100}" for number in CHANNELS]


async def ends_with(stage: Stage, thread: str, text: str) -> bool:
    return (await stage.texts(thread))[-1:] == [text]


def visitor_of(number: int) -> uuid.UUID:
    return uuid.UUID(int=1000 + number)


async def spoil(stage: Stage) -> None:
    for way, channel in zip(WAYS, CHANNELS, strict=True):
        await way.spoil(stage, channel)


async def at_start(stage: Stage) -> None:
    await spoil(stage)
    await stage.start()


async def after_a_lost_lease(stage: Stage) -> None:
    await stage.start()
    await spoil(stage)
    before = stage.bot
    assert stage.runner is not None
    await db(lease.release, stage.runner._holder, clock=stage.clock)
    assert await db(lease.acquire, "another", clock=stage.clock)
    await eventually(before.is_closed)
    await db(lease.release, "another", clock=stage.clock)
    await eventually(lambda: stage.bot is not before)
    await stage.until_caught_up()


async def after_a_new_session(stage: Stage) -> None:
    await stage.start()
    for event in ("CHANNEL_UPDATE", "CHANNEL_DELETE", "GUILD_DELETE"):
        await stage.sandbox.fault("withhold", event=event)
    await spoil(stage)
    await stage.sandbox.clear_faults()
    await stage.sandbox.drop_gateway(resumable=False)
    for name in NAMES:
        await eventually(lambda name=name: held(name), name)  # type: ignore[misc]
    await stage.until_caught_up()


async def while_it_runs(stage: Stage) -> None:
    await stage.start()
    await spoil(stage)
    await look_around(stage)


@pytest.mark.parametrize("moment", [at_start, after_a_lost_lease, after_a_new_session, while_it_runs])
async def test_broken_inboxes_hold_themselves_alone_and_go_on_when_they_are_mended(
    stage: Stage, moment: Callable[[Stage], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    await stage.sandbox.found_branch()
    for way, channel in zip(WAYS[:-1], CHANNELS[:-1], strict=True):
        make_channel(stage, channel, way.kind)
    for name, channel in zip(NAMES, CHANNELS, strict=True):
        await make_inbox(name, channel)
    await make_inbox("twin", SUPPORT)
    await moment(stage)
    for name, way in zip(NAMES, WAYS, strict=True):
        assert way.says in await held(name), name
        assert f"The inbox “{name}” is on hold: " in caplog.text
    asked = stage.asked(POSTS)
    for number, name in enumerate(NAMES):
        await stage.say(f"To {name}", visitor=visitor_of(number), inbox=name)
    # Those that nothing is wrong with, both ways, and two in one channel.
    thread = await stage.converse_with(VISITOR, "Hello")
    await stage.say("Hello, twin", visitor=STRANGER, inbox="twin")
    await stage.discord_shows(await stage.thread(STRANGER), "Hello, twin")
    await stage.sandbox.post_as("ada", thread, "Hello yourself")
    await stage.page_shows("Hello", "Hello yourself")
    assert await held("default") == await held("twin") == ""
    # Of what waits nothing was asked for, nothing failed and nothing is lost.
    assert stage.asked(POSTS) == asked + 4
    waiting = Delivery.objects.filter(settled_at__isnull=True, message__content__startswith="To ")
    assert await db(waiting.count) == len(WAYS)
    for way, channel in zip(WAYS, CHANNELS, strict=True):
        await way.mend(stage, channel)
    await look_around(stage)
    for number, name in enumerate(NAMES):
        there = await stage.thread(visitor_of(number))
        # In a forum the thread begins with its card.
        await eventually(lambda there=there, text=f"To {name}": ends_with(stage, there, text), name)  # type: ignore[misc]
        assert await held(name) == ""
    await stage.delivered()


async def test_what_discord_tells_of_channels_roles_and_servers_is_looked_at_at_once(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    noticed: list[bool] = []

    def noted(cog: Any, name: str, value: Any) -> None:
        # It is taken back as soon as somebody looks, which may be right away.
        if name == "_changed" and value:
            noticed.append(True)
        object.__setattr__(cog, name, value)

    monkeypatch.setattr(type(up.bot.cogs["RelayCog"]), "__setattr__", noted)

    async def leads_to_a_look(change: Awaitable[None]) -> None:
        noticed.clear()
        await change
        await eventually(lambda: noticed)

    await leads_to_a_look(up.sandbox.permit(SUPPORT, "send_messages", False))
    await leads_to_a_look(up.sandbox.remove(defaults.GENERAL_CHANNEL_ID))
    await leads_to_a_look(up.sandbox.leave(defaults.GUILD_ID))
    await leads_to_a_look(up.sandbox.join(defaults.GUILD_ID))


async def test_what_staff_wrote_while_the_bot_could_not_see_it_reaches_the_page(up: Stage) -> None:
    archived, active = await up.converse("One"), await up.converse("Two", visitor=STRANGER)
    await up.sandbox.permit(SUPPORT, "view_channel", False)
    await look_around(up)
    assert await held("default")
    await up.sandbox.fault("withhold", event="MESSAGE_CREATE")
    await up.sandbox.post_as("ada", archived, "Unseen")
    await up.sandbox.archive(archived)
    await up.sandbox.post_as("ada", active, "Unseen too")
    await up.sandbox.clear_faults()
    # The heartbeat goes on for the others: nobody looks back further than that by itself.
    up.clock.advance(3600)
    await up.stop()
    await up.start()
    await up.sandbox.permit(SUPPORT, "view_channel", True)
    await look_around(up)
    await up.page_shows("One", "Unseen")
    await up.page_shows("Two", "Unseen too", visitor=STRANGER)
    await eventually(lambda: db(Inbox.objects.filter(discord_unseen_since__isnull=True).exists))


async def test_threads_of_the_channel_before_go_on_while_the_new_one_cannot_be_used(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.change_inbox(discord_channel_id="1190000000000000777")
    await look_around(up)
    assert await held("default")
    await up.say("Still here")
    await up.discord_shows(thread, "Hello", "Still here")
    await up.say("New", visitor=STRANGER)
    await up.sandbox.post_as("ada", thread, "So am I")
    await up.page_shows("Hello", "Still here", "So am I")
    assert (await up.endpoint(STRANGER)).remote_id is None


async def test_the_waiting_lines_of_a_held_inbox_ask_discord_nothing(up: Stage) -> None:
    """Discord counts what it refuses: at a hundred the brake would slow down everybody."""
    threads = [await up.converse("Hello", visitor=visitor_of(number)) for number in range(3)]
    await up.sandbox.permit(SUPPORT, "send_messages_in_threads", False)
    await look_around(up)
    before = up.server.sandbox.log.counts.copy()
    for number in range(12):
        await up.say("Again", visitor=visitor_of(number))
    up.bot.outbox.nudge()
    resting = Endpoint.objects.filter(due__gt=up.clock.now(), failures=0)
    await eventually(lambda: db(lambda: resting.count() == 12))
    assert up.server.sandbox.log.counts == before
    await up.sandbox.permit(SUPPORT, "send_messages_in_threads", True)
    await look_around(up)
    await up.delivered()
    for thread in threads:
        await up.discord_shows(thread, "Hello", "Again")


@pytest.mark.parametrize("permission", ["manage_webhooks", "view_channel", "read_message_history"])
async def test_a_room_that_cannot_be_used_says_so_and_stops_nobody(
    stage: Stage, permission: str, caplog: pytest.LogCaptureFixture
) -> None:
    room = await Room(stage).make()
    await stage.sandbox.permit(LOBBY, permission, False)
    await stage.start()
    assert "The room “Lobby” is on hold: " in caplog.text
    assert (await room.endpoint()).trouble
    await stage.converse("Hello")
    await stage.sandbox.permit(LOBBY, permission, True)
    await look_around(stage)
    assert (await room.endpoint()).trouble == ""
    await room.say("Hello, room")
    await room.shows(("Quick Fox (visitor)", "Hello, room"))


@pytest.mark.parametrize("roles", ["", str(defaults.STAFF_ROLE_ID)])
async def test_a_channel_that_everyone_can_see_is_warned_of(
    stage: Stage, roles: str, caplog: pytest.LogCaptureFixture
) -> None:
    await stage.change_inbox(staff_roles=roles)
    await stage.start()
    assert await hint("default") == ""
    await stage.sandbox.permit(SUPPORT, "view_channel", True, who="everyone")
    await look_around(stage)
    assert "Everyone on the server can see #support" in await hint("default")
    assert ("counts as staff" in await hint("default")) == (not roles)
    assert caplog.text.count("Everyone on the server") == 1
    await stage.converse("It is a warning, and not more")


async def test_the_check_command_says_what_is_held(up: Stage) -> None:
    await up.sandbox.permit(SUPPORT, "send_messages", False)
    await look_around(up)

    def check() -> None:
        with pytest.raises(SystemCheckError, match="lacks: Send Messages"):
            call_command("check", databases=["default"], fail_level="WARNING", tags=["database"])

    await db(check)


async def test_without_any_channel_it_waits_for_one_and_begins_no_session(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runner, "LOOK_FOR_CHANNEL", 0.05)
    settings.DISCORD_CHANNEL_ID = None
    await stage.start(wait=False)
    await eventually(lambda: setup.NO_CHANNEL in caplog.text)
    assert stage.server.sandbox.gateway.identifies == 0
    await use_channel("default", SUPPORT)
    await stage.until_caught_up()
    await stage.converse("Hello")


# ------------------------------------------------------- only a person can help


async def wrong_token(stage: Stage, settings: Any) -> None:
    settings.DISCORD_TOKEN = defaults.TOKEN[:-3] + "xyz"


async def no_intent(stage: Stage, settings: Any) -> None:
    await stage.sandbox.settings(intents_allowed=[])


class Others:
    """The other services of the process, for as long as they run."""

    ran: list[str]

    def __init__(self, names: list[str], **_: Any) -> None:
        self.stopped = asyncio.Event()

    async def run(self) -> None:
        self.ran.append("began")
        await self.stopped.wait()
        self.ran.append("ended")

    async def stop(self) -> None:
        self.stopped.set()


@pytest.mark.parametrize("mistake", [wrong_token, no_intent])
async def test_what_only_a_person_can_mend_costs_no_session_and_stops_no_other_service(
    stage: Stage,
    settings: Any,
    mistake: Callable[[Stage, Any], Awaitable[None]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Others, "ran", [], raising=False)
    monkeypatch.setattr(runner.workers, "hosted", lambda: ["email"])
    monkeypatch.setattr(runner.workers, "OutboxWorkers", Others)
    monkeypatch.setattr(runner, "WAIT_FOR_HELP", 0.1)
    await mistake(stage, settings)
    await stage.start(wait=False)
    await eventually(lambda: caplog.text.count("Trying again") >= 3)
    assert Others.ran == ["began"]
    assert stage.server.sandbox.gateway.identifies == 0
    # Another process, with the right token, may own the gateway meanwhile.
    assert await eventually(lambda: db(lease.acquire, "another", clock=stage.clock))
    await db(lease.release, "another", clock=stage.clock)
    settings.DISCORD_TOKEN = defaults.TOKEN
    await stage.sandbox.settings(intents_allowed=["message_content"])
    await stage.until_caught_up()
    await stage.converse("Hello")
    assert Others.ran == ["began"]


async def test_a_process_that_does_nothing_else_waits_before_it_ends_for_good(
    stage: Stage, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sleep = Runner._sleep

    async def noted(self: Runner, seconds: float) -> None:
        waits.append(seconds)
        await sleep(self, 0.0)

    monkeypatch.setattr(Runner, "_sleep", noted)
    monkeypatch.setattr(runner.workers, "hosted", list)
    await wrong_token(stage, settings)
    await stage.start(wait=False)
    with pytest.raises(SetupError, match="refused the token"):
        await stage.ended()
    assert waits == [runner.WAIT_FOR_HELP]
    assert 86_400 / runner.WAIT_FOR_HELP < 1_000


def keepers() -> list[KeepAliveHandler]:
    return [each for each in threading.enumerate() if isinstance(each, KeepAliveHandler)]


def opened_sockets(monkeypatch: pytest.MonkeyPatch) -> list[aiohttp.ClientWebSocketResponse]:
    """Every one that is opened from now on."""
    opened: list[aiohttp.ClientWebSocketResponse] = []
    connect = HTTPClient.ws_connect

    async def noted(self: HTTPClient, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        opened.append(await connect(self, url, compress=compress))
        return opened[-1]

    monkeypatch.setattr(HTTPClient, "ws_connect", noted)
    return opened


async def test_sessions_are_not_spent_to_the_last(
    up: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever begins them: discord.py's own connecting again, too."""
    monkeypatch.setattr(runner, "WAIT_FOR_HELP", 0.1)
    sockets = opened_sockets(monkeypatch)
    await up.sandbox.settings(session_limit=21)
    await up.sandbox.drop_gateway(resumable=False)
    await eventually(lambda: caplog.text.count("too few new sessions") >= 3)
    assert up.server.sandbox.gateway.identifies == 1
    await up.sandbox.settings(session_limit=1000)
    await eventually(lambda: up.server.sandbox.gateway.identifies == 2)
    await up.until_caught_up()
    await up.converse("Hello")
    # No try left a thread behind that keeps nothing alive, or a socket.
    loop = asyncio.get_running_loop()
    await eventually(lambda: [each.ws.loop for each in keepers()].count(loop) == 1, seconds=5)
    assert [each.closed for each in sockets] == [*[True] * (len(sockets) - 1), False]


async def test_a_socket_whose_session_cannot_begin_is_closed_before_the_next_is_opened(up: Stage) -> None:
    """discord.py tries again by itself, with the same client."""
    answers = iter([(403, {"code": 0, "message": "not now"})] * 3)
    up.refusals.append(lambda request: next(answers, None) if request.path == "/gateway/bot" else None)
    bot, opened = up.bot, []
    open_socket = bot._open_socket

    async def noted(url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        assert [each.closed for each in opened] == [True] * len(opened)
        opened.append(await open_socket(url, compress=compress))
        return opened[-1]

    bot._open_socket = noted
    await up.sandbox.drop_gateway(resumable=False)
    await eventually(lambda: up.server.sandbox.gateway.identifies == 2)
    await up.until_caught_up()
    assert up.bot is bot
    assert len(opened) > 3
    loop = asyncio.get_running_loop()
    await eventually(lambda: [each.ws.loop for each in keepers()].count(loop) == 1, seconds=5)
    await up.converse("Hello")


async def stopped(stage: Stage) -> None:
    await stage.stop()


async def without_its_lease(stage: Stage) -> None:
    later = timezone.now() + timezone.timedelta(hours=1)
    await db(Lease.objects.update, holder="another", expires_at=later)


@pytest.mark.parametrize("ends", [stopped, without_its_lease])
async def test_a_socket_is_closed_however_early_its_session_ends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, ends: Callable[[Stage], Awaitable[None]]
) -> None:
    """discord.py forgets one that has not been greeted, and leaves it to the garbage collector."""
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.1)
    monkeypatch.setattr(DiscordWebSocket, "poll_event", lambda self: asyncio.Event().wait())
    sockets = opened_sockets(monkeypatch)
    await stage.start(wait=False)
    await eventually(lambda: len(sockets) == 1)
    await ends(stage)
    await eventually(lambda: sockets[0].closed)


async def test_whatever_ends_a_session_it_is_begun_again(
    up: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runner, "SHORTEST_PAUSE", 0.1)
    before = up.bot
    await up.sandbox.drop_gateway(resumable=False, code=4011)
    await eventually(lambda: up.bot is not before)
    await up.until_caught_up()
    assert "its gateway closed with 4011" in caplog.text
    await up.converse("Hello")
    assert await db(Message.objects.count) == 1
