"""What happened while the bot was away, or did not hear: found, in order, once (rules 7 and 8)."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from django.utils import timezone

from bridge.models import Connection, Endpoint, Inbox, Lease, Message, RemoteMessage
from bridge.sandbox import defaults
from bridge.sandbox.routes import Answer, Request
from bridge.services.discord.bot import catchup, client, lease, runner
from tests.services.discord.bot.stage import STRANGER, Stage, db, eventually, held

SUPPORT = defaults.SUPPORT_CHANNEL_ID


async def test_what_staff_changed_and_deleted_meanwhile_is_there_after_a_restart(up: Stage) -> None:
    thread = await up.converse("Hello")
    kept = await up.sandbox.post_as("ada", thread, "Kept")
    gone = await up.sandbox.post_as("ada", thread, "Gone")
    await up.page_shows("Hello", "Kept", "Gone")
    await up.stop()
    await up.sandbox.edit(thread, kept["id"], "Changed")
    await up.sandbox.delete(thread, gone["id"])
    fleeting = await up.sandbox.post_as("ada", thread, "Never seen")
    await up.sandbox.delete(thread, fleeting["id"])
    await up.say("And I wrote, too")
    await up.start()
    await up.page_shows("Hello", "Changed", "And I wrote, too")
    await up.delivered()
    assert (await up.texts(thread))[-1] == "And I wrote, too"


async def test_what_staff_wrote_meanwhile_is_there_in_order_after_a_restart(up: Stage) -> None:
    """More than one page of it, and staff go on writing while it is read."""
    thread = await up.converse("Hello")
    await up.stop()
    for number in range(105):
        await up.sandbox.post_as("ada", thread, str(number))
    await up.start(wait=False)
    for number in range(105, 115):
        await up.sandbox.post_as("grace", thread, str(number))
    await up.page_shows("Hello", *map(str, range(115)))


async def test_what_comes_live_waits_for_what_was_missed(up: Stage, delays_end: asyncio.Event) -> None:
    thread = await up.converse("Hello")
    await up.stop()
    await up.sandbox.post_as("ada", thread, "Missed")
    listing = "GET /guilds/*/threads/active"
    await up.sandbox.fault("delay", route=listing, times=1)
    listed = up.asked(listing)
    await up.start(wait=False)
    await eventually(lambda: up.asked(listing) > listed)
    await up.sandbox.post_as("ada", thread, "Live")
    delays_end.set()
    await up.page_shows("Hello", "Missed", "Live")


async def test_an_answer_in_a_thread_that_was_archived_meanwhile_is_found(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.stop()
    await up.sandbox.post_as("ada", thread, "Closing this")
    await up.sandbox.archive(thread)
    await up.start()
    await up.page_shows("Hello", "Closing this")


async def test_before_the_first_heartbeat_it_looks_back_to_the_first_conversation(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.stop()
    await db(Lease.objects.all().delete)
    await up.sandbox.post_as("ada", thread, "Early answer")
    await up.sandbox.archive(thread)
    await up.start()
    await up.page_shows("Hello", "Early answer")


async def test_an_answer_in_a_thread_of_another_channel_than_todays_is_found(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.stop()
    await up.sandbox.post_as("ada", thread, "Still here")
    await up.change_inbox(discord_channel_id=str(defaults.FORUM_CHANNEL_ID))
    await up.start()
    await up.page_shows("Hello", "Still here")


@pytest.mark.parametrize("resumable", [True, False])
async def test_a_dropped_gateway_loses_nothing(up: Stage, resumable: bool) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.drop_gateway(resumable=resumable)
    for number in range(5):
        await up.sandbox.post_as("ada", thread, str(number))
    await up.page_shows("Hello", *map(str, range(5)))
    await eventually(lambda: up.bot.is_up_to_date)
    gateway = (await up.sandbox.world())["gateway"]
    assert (gateway["identifies"], gateway["resumes"]) == ((1, 1) if resumable else (2, 0)) or not resumable
    await up.sandbox.post_as("ada", thread, "5")
    await up.page_shows("Hello", *map(str, range(6)))


async def test_while_the_gateway_is_down_no_heartbeat_is_noted(up: Stage) -> None:
    """A READY after hours must look back to when the bot last heard, not to when it last renewed its lease."""
    assert up.bot.is_up_to_date
    up.bot.dispatch("disconnect")
    await eventually(lambda: not up.bot.is_up_to_date)
    up.bot.dispatch("resumed")
    await eventually(lambda: up.bot.is_up_to_date)
    up.bot.dispatch("connect")
    await eventually(lambda: not up.bot.is_up_to_date)
    up.bot.dispatch("resumed")
    await asyncio.sleep(0)
    assert not up.bot.is_up_to_date


async def test_a_restart_costs_as_much_as_there_was_news(up: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def many() -> list[str]:
        inbox = Inbox.objects.get()
        threads = []
        for number in range(200):
            card = up.world.say(SUPPORT, defaults.BOT_ID, f"Card {number}")
            thread = up.world.create_thread(SUPPORT, f"Visitor {number}", defaults.BOT_ID, message_id=card.id)
            starter = up.world.messages.timeline(thread.id).ids[-1]
            connection = Connection.objects.create(inbox=inbox, nick=f"Visitor {number}")
            Endpoint.objects.create(
                connection=connection, service="discord", remote_id=str(thread.id), watermark=starter
            )
            threads.append(str(thread.id))
        return threads

    await up.stop()
    threads = await db(many)
    await db(Lease.objects.update, heartbeat_at=timezone.now())
    # What was written just before the end is read again: let all that be older.
    monkeypatch.setattr(catchup, "OVERLAP", -catchup.MARGIN)
    swept: list[Any] = []
    monkeypatch.setattr(catchup, "sweep", lambda relay, inspector, new_session: _note(swept, relay))
    await up.sandbox.post_as("ada", threads[3], "News")
    await up.sandbox.post_as("ada", threads[5], "More news")
    await up.sandbox.archive(threads[5])
    before = Counter(up.server.sandbox.log.counts)
    await up.start()
    await eventually(lambda: db(lambda: Message.objects.count() == 2), "the news are taken in")
    await eventually(lambda: swept)
    asked = Counter(up.server.sandbox.log.counts) - before
    assert asked["GET /guilds/*/threads/active"] == 1
    assert asked["GET /channels/*/threads/archived/public"] == 1
    assert asked["GET /channels/*/messages"] <= 4
    assert asked.total() <= 12


async def _note(swept: list[Any], relay: Any) -> None:
    swept.append(relay)


async def test_one_channel_that_cannot_be_read_does_not_stop_the_others(up: Stage) -> None:
    forum = defaults.FORUM_CHANNEL_ID
    await db(Inbox.objects.create, name="other", discord_channel_id=str(forum))
    thread = await up.converse("Hello")
    await up.stop()
    await up.sandbox.post_as("ada", thread, "Answer")
    up.refusals.append(
        lambda request: (
            (403, {"code": 50001, "message": "Missing Access"})
            if request.path == f"/channels/{forum}/threads/archived/public"
            else None
        )
    )
    await up.start(wait=False)
    await up.page_shows("Hello", "Answer")
    assert not up.bot.is_up_to_date
    up.refusals.clear()
    await eventually(lambda: up.bot.is_up_to_date, "it is listed again")


async def test_a_thread_that_was_deleted_meanwhile_leaves_no_lane_behind(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.sandbox.remove(thread)
    up.bot.relay.read_again(int(thread))
    await eventually(lambda: not up.bot.relay._lanes)
    await up.page_shows("Hello")


async def test_a_backfill_that_is_refused_waits_long_and_then_goes_on(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.services.discord.bot.relay.PAUSE_IF_FORBIDDEN", 0.3)
    thread = await up.converse("Hello")
    await up.sandbox.permit(SUPPORT, "view_channel", False)
    await up.sandbox.post_as("ada", thread, "Unseen")
    up.bot.relay.read_again(int(thread))
    asked = up.asked("GET /channels/*/messages")
    await eventually(lambda: up.asked("GET /channels/*/messages") > asked)
    await up.sandbox.permit(SUPPORT, "view_channel", True)
    await up.page_shows("Hello", "Unseen")


# ----------------------------------------------------------------- the lease


async def test_only_one_of_two_bots_owns_the_gateway(up: Stage) -> None:
    second = runner.Runner(up.clock)
    task = asyncio.create_task(second.run())
    await asyncio.sleep(0.3)
    assert await up.sandbox.connected() == 1
    assert (await up.sandbox.world())["gateway"]["identifies"] == 1
    await up.stop()

    async def taken_over() -> bool:
        return (await up.sandbox.world())["gateway"]["identifies"] == 2 and await up.sandbox.connected() == 1

    await eventually(taken_over)
    second.stop()
    await task


async def test_a_loser_closes_its_gateway_and_finishes_what_is_in_hand(
    up: Stage, monkeypatch: pytest.MonkeyPatch, delays_end: asyncio.Event
) -> None:
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.1)
    thread = await up.converse("Hello")
    await up.stop()
    await up.start()
    await up.sandbox.fault("delay", route="POST /channels/*/messages", when="after", times=1)
    asked = up.asked("POST /channels/*/messages")
    await up.say("In hand")
    await eventually(lambda: up.asked("POST /channels/*/messages") > asked)
    loser = up.bot
    later = timezone.now() + timezone.timedelta(hours=1)
    await db(Lease.objects.update, holder="another", expires_at=later)

    async def disconnected() -> bool:
        return await up.sandbox.connected() == 0

    await eventually(disconnected)
    assert not loser.is_closed()
    delays_end.set()
    await eventually(lambda: loser.is_closed())
    await up.discord_shows(thread, "Hello", "In hand")
    assert await db(lambda: RemoteMessage.objects.filter(remote_id=None).count()) == 0
    assert await up.sandbox.connected() == 0
    assert await db(Lease.objects.values_list("holder", flat=True).get) == "another"


async def test_a_lease_that_expired_is_taken_by_the_databases_time(up: Stage) -> None:
    assert not await db(lease.acquire, "another", clock=up.clock)
    up.clock.advance(13)
    assert await db(lease.acquire, "another", clock=up.clock)
    await db(lease.release, "another", clock=up.clock)


# --------------------------------------------------------------- at the start


async def test_discord_that_is_away_at_the_start_is_waited_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runner, "SHORTEST_PAUSE", 0.1)
    await stage.sandbox.fault("error", route="GET /users/@me", status=503, times=2)
    await stage.start()
    assert caplog.text.count("Discord cannot be reached") == 2
    await stage.converse("Hello")


async def test_a_gateway_that_is_away_at_the_start_is_waited_for(
    stage: Stage, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runner, "SHORTEST_PAUSE", 0.1)
    monkeypatch.setattr(client.Backoff, "delay", lambda self: 0.1)
    there = settings.DISCORD_GATEWAY_URL
    settings.DISCORD_GATEWAY_URL = "ws://127.0.0.1:9/"
    await stage.start(wait=False)
    await eventually(lambda: "Discord cannot be reached" in caplog.text)
    settings.DISCORD_GATEWAY_URL = there
    await stage.converse("Hello")


async def test_the_gateway_is_the_one_that_the_api_names(
    stage: Stage, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else the token would go to Discord, whichever server the settings name."""
    monkeypatch.setattr(runner, "SHORTEST_PAUSE", 0.1)
    connected: list[str] = []
    connect = client.DiscordWebSocket.from_client

    async def watched(*args: Any, gateway: Any = None, **kwargs: Any) -> Any:
        connected.append(str(gateway or client.DiscordWebSocket.DEFAULT_GATEWAY))
        return await connect(*args, gateway=gateway, **kwargs)

    monkeypatch.setattr(client.DiscordWebSocket, "from_client", watched)
    named, settings.DISCORD_GATEWAY_URL = settings.DISCORD_GATEWAY_URL, ""
    answers = iter([{"url": "https://gateway.discord.gg"}, {"url": None}, {}, []])

    def odd(request: Request) -> Answer | None:
        answer = next(answers, None) if request.path == "/gateway/bot" else None
        if answer is None:
            return None
        known = {"shards": 1, "session_start_limit": {}}
        return 200, {**known, **answer} if isinstance(answer, dict) else answer

    stage.refusals.append(odd)
    await stage.start()
    assert caplog.text.count("Discord cannot be reached") == 4
    await stage.converse("Hello")
    assert connected == [named]


async def test_the_channels_are_checked_again_where_that_failed(stage: Stage) -> None:
    await stage.sandbox.remove(SUPPORT)
    stage.refusals.append(
        lambda request: (
            (503, {"code": 0, "message": "later"}) if request.path == f"/channels/{SUPPORT}" else None
        )
    )
    await stage.start(wait=False)
    await eventually(lambda: stage.asked("GET /channels/*") >= 2)
    assert await held("default") == ""
    stage.refusals.clear()
    await eventually(lambda: held("default"))
    assert "cannot see the channel" in await held("default")


async def test_a_channel_of_the_wrong_kind_is_named(up: Stage) -> None:
    thread = await up.converse("Hello")
    await up.stop()
    await up.change_inbox(discord_channel_id=thread)
    await up.start()
    assert "neither a text nor a forum channel" in await held("default")


@pytest.mark.parametrize("wish", [{"mark_relayed": True}, {"show_read": "reaction"}])
async def test_marks_need_a_right_of_their_own(stage: Stage, wish: dict[str, Any]) -> None:
    await stage.sandbox.permit(SUPPORT, "add_reactions", False)
    await stage.start()
    assert await db(lambda: Inbox.objects.get(name="default").discord_hint) == ""
    await stage.stop()
    await stage.change_inbox(**wish)
    await stage.start()
    assert "lacks Add Reactions" in await db(lambda: Inbox.objects.get(name="default").discord_hint)
    await stage.converse("Marks are not worth a conversation")


async def test_a_visitor_of_a_closed_conversation_starts_a_new_thread(up: Stage) -> None:
    old = await up.converse("Hello", visitor=STRANGER)
    await up.close_connection(STRANGER)
    new = await up.converse("Again", visitor=STRANGER)
    assert old != new
