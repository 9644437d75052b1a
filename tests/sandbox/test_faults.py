"""Each fault that the sandbox injects is the one that it says, and no other."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import discord
import pytest

from bridge.sandbox import defaults, gateway
from bridge.sandbox.client import POSTS, SandboxClient, SandboxRefused
from bridge.sandbox.server import Server
from tests.sandbox.bots import Bot, running

SUPPORT = defaults.SUPPORT_CHANNEL_ID


@pytest.fixture
async def bot(server: Server) -> AsyncIterator[Bot]:
    async with running(Bot(), server.url) as logged_in:
        yield logged_in


@pytest.fixture
async def http(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    """A bot's requests without a library that repeats them."""
    headers = {"Authorization": f"Bot {defaults.TOKEN}"}
    async with aiohttp.ClientSession(f"{server.url}/", headers=headers) as session:
        yield session


def post(http: aiohttp.ClientSession, content: str = "Hello") -> "aiohttp.client._RequestContextManager":
    return http.post(f"/api/v10/channels/{SUPPORT}/messages", json={"content": content})


async def count(sandbox: SandboxClient) -> int:
    return len(await sandbox.messages(SUPPORT))


# ----------------------------------------------------------------------- HTTP


@pytest.mark.parametrize(("when", "stored"), [("before", 0), ("after", 1)])
async def test_a_server_error_before_or_after_the_message_is_stored(
    http: aiohttp.ClientSession, sandbox: SandboxClient, when: str, stored: int
) -> None:
    await sandbox.fault("error", route=POSTS, status=502, when=when, times=1)
    async with post(http) as response:
        assert response.status == 502
    assert await count(sandbox) == stored
    async with post(http) as response:
        assert response.status == 200


@pytest.mark.parametrize("fault", ["timeout", "cut"])
@pytest.mark.parametrize(("when", "stored"), [("before", 0), ("after", 1)])
async def test_no_answer_before_or_after_the_message_is_stored(
    http: aiohttp.ClientSession, sandbox: SandboxClient, fault: str, when: str, stored: int
) -> None:
    await sandbox.fault(fault, route=POSTS, when=when, times=1)
    answer = asyncio.create_task(_status(http))
    await sandbox.wait_for_requests(1, seconds=60)
    if fault == "timeout":
        assert not (await asyncio.wait([answer], timeout=0.2))[0]
        answer.cancel()
    with pytest.raises(asyncio.CancelledError if fault == "timeout" else aiohttp.ServerDisconnectedError):
        await answer
    assert await count(sandbox) == stored


async def test_a_late_request_takes_effect_though_the_client_has_left(
    http: aiohttp.ClientSession, sandbox: SandboxClient, delays_end: asyncio.Event
) -> None:
    await sandbox.fault("delay", route=POSTS, times=1)
    answer = asyncio.create_task(_status(http))
    await sandbox.wait_for_requests(1, seconds=60)
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    assert await count(sandbox) == 0
    delays_end.set()
    async with asyncio.timeout(60):
        while await count(sandbox) == 0:  # noqa: ASYNC110 (it happens in another process's time)
            await asyncio.sleep(0.05)


async def test_a_late_answer_is_to_a_message_that_is_there_already(
    http: aiohttp.ClientSession, sandbox: SandboxClient, delays_end: asyncio.Event
) -> None:
    await sandbox.fault("delay", route=POSTS, when="after", times=1)
    answer = asyncio.create_task(_status(http))
    await sandbox.wait_for_requests(1, seconds=60)
    assert await count(sandbox) == 1
    assert not answer.done()
    delays_end.set()
    assert await answer == 200


async def test_a_delay_lasts_its_seconds(http: aiohttp.ClientSession, sandbox: SandboxClient) -> None:
    await sandbox.fault("delay", route=POSTS, seconds=0.2, times=1)
    begun = time.monotonic()
    assert await _status(http) == 200
    assert time.monotonic() - begun >= 0.2


async def _status(http: aiohttp.ClientSession) -> int:
    async with post(http) as response:
        return response.status


async def test_a_429_of_discords_is_waited_for(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.fault("ratelimited", route=POSTS, seconds=0.1, times=1)
    await bot.support().send("Hello")
    assert [each["status"] for each in await sandbox.requests() if each["method"] == "POST"] == [429, 200]
    assert await count(sandbox) == 1


async def test_a_429_of_cloudflares_is_given_up(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.fault("banned", route=POSTS, times=1)
    with pytest.raises(discord.HTTPException) as banned:
        await bot.support().send("Hello")
    assert banned.value.status == 429
    assert await count(sandbox) == 0


async def test_a_500_after_storing_doubles_what_has_no_nonce(bot: Bot, sandbox: SandboxClient) -> None:
    """discord.py repeats both by itself; a bot's message carries a nonce, a webhook's cannot."""
    await sandbox.fault("error", route=POSTS, status=500, when="after", times=1)
    await bot.support().send("Bot")
    await sandbox.fault("error", route="POST /webhooks/*/*", status=500, when="after", times=1)
    webhook = await bot.support().create_webhook(name="Web")
    await webhook.send("Webhook", wait=True)
    assert await sandbox.copies(SUPPORT) == {"Bot": 1, "Webhook": 2}


async def test_chance_comes_from_the_seed(http: aiohttp.ClientSession, sandbox: SandboxClient) -> None:
    async def statuses() -> list[int]:
        await sandbox.settings(seed=7)
        return [await _status(http) for _ in range(20)]

    await sandbox.fault("error", route=POSTS, probability=0.5)
    first = await statuses()
    assert await statuses() == first
    assert {200, 500} == set(first)
    await sandbox.clear_faults()
    assert set(await statuses()) == {200}


async def test_a_fault_may_strike_one_text_only(http: aiohttp.ClientSession, sandbox: SandboxClient) -> None:
    await sandbox.fault("error", route=POSTS, content="poison")
    async with post(http, "a poison pill") as refused, post(http, "a sweet") as taken:
        assert (refused.status, taken.status) == (500, 200)
    assert [each["struck"] for each in await sandbox.faults()] == [1]


async def test_a_fault_that_does_not_exist_is_refused(sandbox: SandboxClient) -> None:
    with pytest.raises(SandboxRefused):
        await sandbox.fault("earthquake", route=POSTS)
    with pytest.raises(SandboxRefused):
        await sandbox.fault("error")


async def test_requests_are_counted_and_waited_for(
    http: aiohttp.ClientSession, sandbox: SandboxClient
) -> None:
    waiting = asyncio.create_task(sandbox.wait_for_requests(2))
    begun = time.monotonic()
    await _status(http)
    await _status(http)
    assert await waiting == 2
    first, second = await sandbox.requests()
    assert begun < first["at"] < second["at"] < time.monotonic()
    assert [each["content"] for each in await sandbox.requests(since=first["number"])] == ["Hello"]


async def test_a_foreign_page_can_neither_read_nor_write(http: aiohttp.ClientSession) -> None:
    async with http.get("/sandbox/world", headers={"Host": "evil.example"}) as rebound:
        assert rebound.status == 403
    async with http.post(
        "/sandbox/post", data=b'{"channel": 1}', headers={"Content-Type": "text/plain"}
    ) as form:
        assert form.status == 415


# -------------------------------------------------------------------- gateway


@pytest.mark.parametrize("code", [4000, 0])
async def test_a_dropped_session_is_resumed_and_hears_what_it_missed(
    bot: Bot, sandbox: SandboxClient, code: int
) -> None:
    await sandbox.drop_gateway(resumable=True, code=code)
    await sandbox.post_as("ada", SUPPORT, "While you were away")
    await bot.until("message", "While you were away")
    await bot.until("resumed")
    assert bot.said("ready") == [""]
    assert (await sandbox.world())["gateway"] == {"connected": 1, "identifies": 1, "resumes": 1}


async def test_a_lost_session_means_missed_events(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.drop_gateway(resumable=False)
    await sandbox.post_as("ada", SUPPORT, "While you were away")
    await bot.until("ready", times=2)
    await sandbox.post_as("ada", SUPPORT, "Back again")
    await bot.until("message", "Back again")
    assert bot.said() == ["Back again"]
    assert [message.content async for message in bot.support().history()] == [
        "Back again",
        "While you were away",
    ]


async def test_a_withheld_event_never_comes(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.fault("withhold", event="MESSAGE_CREATE", times=1)
    await sandbox.post_as("ada", SUPPORT, "one")
    await sandbox.post_as("ada", SUPPORT, "two")
    await bot.until("message", "two")
    await sandbox.drop_gateway(resumable=True)
    await bot.until("resumed")
    assert bot.said() == ["two"]


async def test_a_duplicate_comes_twice(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.fault("duplicate", event="MESSAGE_CREATE", times=1)
    await sandbox.post_as("ada", SUPPORT, "one")
    await bot.until("message", "one", times=2)


async def test_a_reordered_event_comes_after_the_next_one(
    bot: Bot, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "_REORDER_SECONDS", 60.0)
    await sandbox.fault("reorder", event="MESSAGE_CREATE", times=1)
    await sandbox.post_as("ada", SUPPORT, "one")
    await sandbox.post_as("ada", SUPPORT, "two")
    await bot.until("message", "one")
    assert bot.said() == ["two", "one"]


async def test_a_reordered_event_without_a_next_one_is_not_lost(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.fault("reorder", event="MESSAGE_CREATE", times=1)
    await sandbox.post_as("ada", SUPPORT, "one")
    await bot.until("message", "one")


async def test_a_close_code_reaches_the_bot(server: Server, sandbox: SandboxClient) -> None:
    async with running(Bot(), server.url) as bot:
        await sandbox.drop_gateway(resumable=False, code=4004)
        await bot.until("ended")
    assert isinstance(bot.ended, discord.ConnectionClosed)
    assert bot.ended.code == 4004
