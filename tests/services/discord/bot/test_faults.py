"""Whatever Discord or the way to it does, nothing is lost, doubled or put out of order (rules 3 to 5)."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery import outbox
from bridge.delivery.outbox import INVALID_LIMIT, Brake
from bridge.errors import DeliveryFailed
from bridge.models import Endpoint, Message, RemoteMessage
from bridge.sandbox import defaults
from bridge.sandbox.client import POSTS
from bridge.services.attempts import Attempt
from tests.services.discord.bot.stage import STRANGER, Stage, TimeMachine, db, eventually

SUPPORT = defaults.SUPPORT_CHANNEL_ID
FORUM = defaults.FORUM_CHANNEL_ID
FORUM_POSTS = f"POST /channels/{FORUM}/threads"
THREADS = "POST /channels/*/messages/*/threads"


async def waits(stage: Stage) -> Endpoint:
    """Wait until the line has given up for now."""

    async def failed() -> Endpoint | None:
        endpoint = await stage.endpoint()
        return endpoint if endpoint.failures else None

    return await eventually(failed, "the line waits")


# ------------------------------------------------------------------------ 429


async def test_a_429_of_discords_is_waited_for_and_nothing_doubles(up: Stage) -> None:
    thread = await up.converse("one")
    await up.sandbox.fault("ratelimited", route=POSTS, seconds=0.2, times=2)
    await up.converse("two")
    await up.discord_shows(thread, "one", "two")


async def test_a_429_without_via_is_tried_later(up: Stage) -> None:
    thread = await up.converse("one")
    await up.sandbox.fault("banned", route=POSTS, times=1)
    await up.say("two")
    await waits(up)
    up.pass_time(121)
    await up.discord_shows(thread, "one", "two")


async def test_a_limit_for_the_whole_bot_that_outlives_our_patience_does_not_lock_the_client(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """discord.py sleeps it out holding a lock; the request that it makes then comes too late and is refused here."""
    thread = await up.converse("one")
    asked = up.asked(POSTS)
    await up.sandbox.fault("ratelimited", route=POSTS, seconds=1.0, everywhere=True, times=1)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "ANSWER_WITHIN", 0.3)
        await up.say("two")
        endpoint = await waits(up)
    assert "in time" in endpoint.trouble
    up.pass_time(121)
    await up.discord_shows(thread, "one", "two")
    await up.delivered()
    # The 429, and the one of the next claim: not a third, of the request that had slept.
    assert up.asked(POSTS) == asked + 2


# ------------------------------------------------- 5xx, time-outs, cut connections


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", ["error", "cut", "timeout"])
async def test_a_message_of_unknown_fate_is_looked_for_and_never_doubled(
    up: Stage, fault: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await up.converse("one")
    # Not one of those that discord.py repeats by itself.
    await up.sandbox.fault(fault, route=POSTS, status=503, when=when, times=1)
    # Nobody may count on the nonce: after a few minutes it is forgotten. Nor on the echo.
    await up.sandbox.settings(nonce_seconds=0)
    await up.sandbox.fault("withhold", event="MESSAGE_CREATE", content="two")
    with monkeypatch.context() as patch:
        if fault == "timeout":
            patch.setattr(outbox, "ANSWER_WITHIN", 0.5)
        await up.say("two")
        await waits(up)
    assert await db(lambda: RemoteMessage.objects.filter(remote_id=None, sent_at__isnull=False).count()) == 1
    await up.say("three")
    up.pass_time(32)
    await up.delivered()
    await up.discord_shows(thread, "one", "two", "three")


async def test_the_echo_of_a_message_whose_answer_was_lost_is_enough(up: Stage) -> None:
    thread = await up.converse("one")
    await up.sandbox.fault("cut", route=POSTS, when="after", times=1)
    await up.say("two")
    await eventually(
        lambda: db(lambda: RemoteMessage.objects.filter(text="two", remote_id__isnull=False).exists())
    )
    asked = up.asked("GET /channels/*/messages")
    up.pass_time(32)
    await up.delivered()
    await up.discord_shows(thread, "one", "two")
    assert up.asked("GET /channels/*/messages") == asked


async def test_discord_pys_own_repeats_after_a_500_do_not_double(up: Stage) -> None:
    thread = await up.converse("one")
    await up.sandbox.fault("error", route=POSTS, status=500, when="after", times=1)
    await up.converse("two")
    await up.discord_shows(thread, "one", "two")
    nonces = [body["nonce"] for _, path, body in up.bodies if path.endswith(f"{thread}/messages") and body]
    assert len(nonces) == len(set(nonces)) + 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("route", [POSTS, THREADS])
async def test_an_opening_of_unknown_fate_makes_one_thread(up: Stage, route: str, when: str) -> None:
    await up.sandbox.fault("cut", route=route, when=when, times=1)
    await up.sandbox.fault("withhold", event="MESSAGE_CREATE", content="New conversation")
    await up.sandbox.settings(nonce_seconds=0)
    await up.say("Hello")
    await waits(up)
    up.pass_time(32)
    await up.delivered()
    assert len(await up.sandbox.threads()) == 1
    assert [each["type"] for each in await up.sandbox.messages(SUPPORT)] == [0]
    await up.discord_shows(await up.thread(), "Hello")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_forum_post_of_unknown_fate_is_not_made_twice(up: Stage, when: str) -> None:
    """discord.py repeats a 500 by itself, and a forum post takes no nonce."""
    await up.change_inbox(discord_channel_id=str(FORUM))
    await up.sandbox.fault("error", route=FORUM_POSTS, status=500, when=when, times=1)
    await up.say("Hello")
    await waits(up)
    assert up.asked("POST /channels/*/threads") == 1
    up.pass_time(32)
    await up.delivered()
    (post,) = await up.sandbox.threads()
    assert [each["content"] for each in await up.sandbox.messages(post["id"])][1:] == ["Hello"]


async def test_an_answer_that_breaks_off_after_its_headers_is_of_unknown_fate(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    import aiohttp
    import discord.http

    thread = await up.converse("one")
    reading = discord.http.json_or_text

    async def breaks_off(response: Any) -> Any:
        if response.method == "POST" and response.url.path.endswith("/messages"):
            raise aiohttp.ClientPayloadError("cut within the body")
        return await reading(response)

    monkeypatch.setattr(discord.http, "json_or_text", breaks_off)
    await up.sandbox.settings(nonce_seconds=0)
    await up.sandbox.fault("withhold", event="MESSAGE_CREATE", content="two")
    await up.say("two")
    await waits(up)
    monkeypatch.setattr(discord.http, "json_or_text", reading)
    up.pass_time(32)
    await up.delivered()
    await up.discord_shows(thread, "one", "two")


async def test_one_line_that_fails_does_not_hold_up_the_others(up: Stage) -> None:
    thread = await up.converse("one")
    await up.sandbox.fault("error", route=f"POST /channels/{thread}/messages", status=503)
    await up.say("stuck")
    other = await up.converse_with(STRANGER, "flows")
    assert await up.texts(other) == ["flows"]
    await up.sandbox.clear_faults()
    await waits(up)
    up.pass_time(32)
    await up.discord_shows(thread, "one", "stuck")


# ----------------------------------------------------------------- the attempt


def test_an_attempt_refuses_writes_after_its_window_and_allows_reading() -> None:
    clock = TimeMachine()
    attempt = Attempt(clock=clock, until=clock.uptime() + 10)
    attempt.begin(write=True)
    attempt.answered(429)
    clock.advance(11)
    attempt.begin(write=False)
    with pytest.raises(DeliveryFailed) as refused:
        attempt.begin(write=True)
    assert (refused.value.reason, refused.value.certain) == ("too_late", True)


@given(
    st.lists(st.sampled_from([200, 204, 400, 403, 404, 429, 500, 502, 503, "broke", "unreached"]), max_size=6)
)
def test_an_attempt_is_certain_only_while_every_write_was_refused_or_never_made(answers: list[Any]) -> None:
    attempt = Attempt(clock=TimeMachine(), until=1e12)
    for answer in answers:
        attempt.begin(write=True)
        if isinstance(answer, int):
            attempt.answered(answer)
        else:
            getattr(attempt, answer)()
    surely_not = {400, 403, 404, 429, "unreached"}
    assert attempt.uncertain == (not set(answers) <= surely_not)


def test_what_cannot_be_repeated_is_not_written_again_once_it_may_be_stored() -> None:
    attempt = Attempt(clock=TimeMachine(), until=1e12, repeatable=False)
    attempt.begin(write=True)
    attempt.answered(429)
    attempt.begin(write=True)
    attempt.answered(502)
    with pytest.raises(DeliveryFailed) as refused:
        attempt.begin(write=True)
    assert not refused.value.certain


# ------------------------------------------------------------------- the brake


def test_the_brake_goes_on_after_a_hundred_invalid_answers_in_ten_minutes_and_off_again() -> None:
    clock = TimeMachine()
    brake = Brake(clock)
    for _ in range(INVALID_LIMIT):
        brake.invalid()
    assert not brake.on
    brake.invalid()
    assert brake.on
    brake.got_through()
    assert not brake.on
    for _ in range(INVALID_LIMIT + 1):
        brake.invalid()
    clock.advance(601)
    assert not brake.on


async def test_with_the_brake_on_one_line_a_minute_is_tried_until_one_gets_through(up: Stage) -> None:
    thread = await up.converse("one")
    await up.sandbox.permit(SUPPORT, "send_messages_in_threads", False)
    for _ in range(INVALID_LIMIT + 1):
        up.bot.outbox._brake.invalid()
    asked = up.asked(POSTS)
    await up.say("two")
    await eventually(lambda: up.asked(POSTS) == asked + 1, "the probe")

    async def held() -> bool:
        return bool((await up.endpoint()).trouble)

    await eventually(held)
    await db(Endpoint.objects.update, due="2020-01-01T00:00:00Z")
    up.pass_time(30)
    await asyncio.sleep(0.3)
    assert up.asked(POSTS) == asked + 1
    await up.sandbox.permit(SUPPORT, "send_messages_in_threads", True)
    up.pass_time(31)
    await up.discord_shows(thread, "one", "two")
    await eventually(lambda: not up.bot.outbox._brake.on, "the others may go again")


async def test_a_stop_does_not_wait_for_the_brake(up: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than the stage has patience: one that waited would be seen.
    monkeypatch.setattr(outbox, "STOP_WITHIN", 3600.0)
    for _ in range(INVALID_LIMIT + 1):
        up.bot.outbox._brake.invalid()
    await up.stop()


# -------------------------------------------------------------------- stopping


async def test_a_stop_finishes_the_delivery_in_hand_and_leaves_the_rest(
    up: Stage, delays_end: asyncio.Event
) -> None:
    thread = await up.converse("zero")
    await up.sandbox.fault("delay", route=POSTS, when="after", times=1)
    await up.say("a" * 2000 + " " + "b" * 10)
    asked = up.asked(POSTS)
    await eventually(lambda: up.asked(POSTS) == asked + 1)
    stopping = asyncio.create_task(up.stop())
    await eventually(lambda: up.bot.outbox._stopping, "no more is begun")
    delays_end.set()
    await stopping
    assert await up.texts(thread) == ["zero", "a" * 2000]
    assert await db(lambda: RemoteMessage.objects.filter(remote_id=None).count()) == 0
    await up.start()
    await up.discord_shows(thread, "zero", "a" * 2000, "b" * 10)
    assert await db(lambda: set(Message.objects.values_list("state", flat=True))) == {"delivered"}


async def test_a_stop_gives_up_a_request_that_hangs_and_it_is_looked_for_later(
    up: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await up.converse("one")
    monkeypatch.setattr(outbox, "STOP_WITHIN", 0.2)
    await up.sandbox.fault("timeout", route=POSTS, when="after", times=1)
    await up.sandbox.fault("withhold", event="MESSAGE_CREATE", content="two")
    asked = up.asked(POSTS)
    await up.say("two")
    await eventually(lambda: up.asked(POSTS) == asked + 1)
    await up.stop()
    await up.sandbox.settings(nonce_seconds=0)
    up.clock.advance(32)
    await up.start()
    await up.delivered()
    await up.discord_shows(thread, "one", "two")
