"""How often who may do what, across sockets and processes, with and without Redis."""

import asyncio
import time
import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.errors import BridgeError
from bridge.infra import redis, throttling
from bridge.infra.limits import THROTTLES, Limit, Throttle
from bridge.infra.throttling import Throttler
from tests.web.browser import Browser
from tests.web.conftest import YEAR, Open


@pytest.fixture
def twenty_an_hour(settings: Any) -> None:
    settings.BRIDGE_THROTTLES = {"message": Throttle(visitor=Limit(20, YEAR), address=Limit(30, YEAR))}


async def _granted(throttler: Throttler, count: int, **who: Any) -> int:
    granted = 0
    refusals: list[tuple[str, bool]] = []
    for _ in range(count):
        try:
            await throttler.take("message", **who)
            granted += 1
        except BridgeError as refusal:
            refusals.append((refusal.code, int(str(refusal.details["retry_after"])) >= 1))
    assert set(refusals) <= {("throttled", True)}
    return granted


async def test_a_visitor_has_his_limit_and_not_one_more(valkey_url: str, twenty_an_hour: None) -> None:
    assert await _granted(Throttler(), 40, visitor=uuid.uuid4(), address="a") == 20


async def test_an_address_has_its_own_whoever_comes_from_there(valkey_url: str, twenty_an_hour: None) -> None:
    throttler = Throttler()
    granted = [await _granted(throttler, 2, visitor=uuid.uuid4(), address="a") for _ in range(40)]
    assert sum(granted) == 30
    assert await _granted(throttler, 2, visitor=uuid.uuid4(), address="b") == 2


async def test_two_processes_share_one_limit(valkey_url: str, twenty_an_hour: None) -> None:
    visitor = uuid.uuid4()
    one, other = Throttler(), Throttler()
    granted = await asyncio.gather(
        _granted(one, 30, visitor=visitor, address="a"), _granted(other, 30, visitor=visitor, address="b")
    )
    # A process that was refused may leave a part of its last lease unused.
    assert 16 <= sum(granted) <= 20


async def test_a_bucket_fills_again(valkey_url: str, settings: Any) -> None:
    settings.BRIDGE_THROTTLES = {"message": Throttle(visitor=Limit(5, 0.5), address=Limit(1000, 1))}
    throttler = Throttler()
    visitor = uuid.uuid4()
    assert await _granted(throttler, 5, visitor=visitor, address="a") == 5
    async with asyncio.timeout(60):
        while not await _granted(throttler, 1, visitor=visitor, address="a"):  # noqa: ASYNC110  # Redis has its own clock
            await asyncio.sleep(0.02)


async def test_most_uses_cost_no_round_trip(
    valkey_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BRIDGE_THROTTLES = {"message": Throttle(visitor=Limit(1000, YEAR), address=Limit(1000, YEAR))}
    throttler = Throttler()
    asked = 0
    original = throttler._from_redis

    async def counted(wanted: Any) -> Any:
        nonlocal asked
        asked += 1
        return await original(wanted)

    monkeypatch.setattr(throttler, "_from_redis", counted)
    assert await _granted(throttler, 500, visitor=uuid.uuid4(), address="a") == 500
    assert asked == 5


async def test_those_who_ask_at_once_share_one_round_trip(
    valkey_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BRIDGE_THROTTLES = {"message": Throttle(visitor=Limit(1000, YEAR), address=Limit(1000, YEAR))}
    throttler = Throttler()
    sizes: list[int] = []
    original = throttler._from_redis

    async def counted(wanted: Any) -> Any:
        sizes.append(len(wanted))
        return await original(wanted)

    monkeypatch.setattr(throttler, "_from_redis", counted)
    await asyncio.gather(*(throttler.take("message", visitor=uuid.uuid4(), address="a") for _ in range(50)))
    assert sizes == [51]


@pytest.mark.parametrize("is_away", [False, True], ids=["with redis", "without redis"])
async def test_who_is_told_when_to_come_again_may_then_and_not_before(
    valkey_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    def away() -> Any:
        raise redis.RedisError("nobody there")

    if is_away:
        monkeypatch.setattr(redis, "client", away)
    limit = Limit(4, 2000)
    settings.BRIDGE_THROTTLES = {"message": Throttle(visitor=limit, address=Limit(1000, 1))}
    throttler, visitor = Throttler(), uuid.uuid4()
    assert await _granted(throttler, 4, visitor=visitor, address="a") == 4
    with pytest.raises(BridgeError) as refusal:
        await throttler.take("message", visitor=visitor, address="a")
    # A quarter of the time, since nothing is left of the first four.
    assert 495 <= int(str(refusal.value.details["retry_after"])) <= 500


async def test_while_redis_is_away_the_limit_is_the_same(
    twenty_an_hour: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Any:
        raise redis.RedisError("nobody there")

    monkeypatch.setattr(redis, "client", away)
    throttler = Throttler()
    assert await _granted(throttler, 40, visitor=uuid.uuid4(), address="a") == 20


@pytest.mark.parametrize("is_away", [False, True], ids=["with redis", "without redis"])
async def test_who_never_comes_back_leaves_nothing_in_this_process(
    valkey_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    def away() -> Any:
        raise redis.RedisError("nobody there")

    if is_away:
        monkeypatch.setattr(redis, "client", away)
    passed = 0.0
    # Not the event loop's clock as well.
    monkeypatch.setattr(throttling, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))
    throttler = Throttler()
    for name in THROTTLES:
        for number in range(20):
            await throttler.take(name, visitor=uuid.uuid4(), address=f"2001:db8:{number:x}::1", inbox=number)
    held = len(throttler._leases) + len(throttler._buckets)
    passed = 2 * max(throttle.address.seconds for throttle in THROTTLES.values())
    await throttler.take("message", visitor=uuid.uuid4(), address="a")
    # What the last one asked: their own and their address's.
    assert held > 20 * 2 * len(THROTTLES)
    assert len(throttler._leases) == 2
    assert len(throttler._buckets) == (2 if is_away else 0)
    assert not throttler._wanted


async def test_a_bucket_that_was_forgotten_is_as_full_as_it_would_be(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To be forgotten gives nobody more than their limit."""

    def away() -> Any:
        raise redis.RedisError("nobody there")

    settings.BRIDGE_THROTTLES = {"message": Throttle(visitor=Limit(20, 1000), address=Limit(1000, 1))}
    monkeypatch.setattr(redis, "client", away)
    passed = 0.0
    # Not the event loop's clock as well.
    monkeypatch.setattr(throttling, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))
    throttler, visitor = Throttler(), uuid.uuid4()
    assert await _granted(throttler, 40, visitor=visitor, address="a") == 20
    # Half of it has come back, and others' requests tidy up meanwhile.
    passed = 500.0
    await throttler.take("message", visitor=uuid.uuid4(), address="b")
    assert await _granted(throttler, 40, visitor=visitor, address="a") == 10


async def test_a_visitor_who_writes_too_much_is_told_when_to_go_on(no_refill: None, visitor: Browser) -> None:
    await visitor.write("Hello")
    replies = [
        await visitor.ask("message.send", client_id=str(uuid.uuid4()), content="more") for _ in range(25)
    ]
    refused = [reply["error"] for reply in replies if not reply["ok"]]
    # "Hello" was one of the twenty.
    assert [error["code"] for error in refused] == ["throttled"] * 6
    one = YEAR / THROTTLES["message"].visitor.amount
    assert all(1 <= error["details"]["retry_after"] <= one + 1 for error in refused)


async def test_the_limit_is_the_visitors_not_the_sockets(browser: Open, twenty_an_hour: None) -> None:
    here = browser()
    await here.start()
    for number in range(20):
        await here.write(str(number))
    there = browser(token=here.token, address="203.0.113.1")
    await there.start()
    assert await there.refused("message.send", client_id=str(uuid.uuid4()), content="x") == "throttled"


async def test_sessions_from_one_address_are_limited(browser: Open, settings: Any) -> None:
    settings.BRIDGE_THROTTLES = {"session": Throttle(visitor=Limit(100, YEAR), address=Limit(3, YEAR))}
    for _ in range(3):
        await browser().start()
    fourth = browser()
    await fourth.open()
    assert await fourth.refused("session.start") == "throttled"
    elsewhere = browser(address="203.0.113.1")
    assert await elsewhere.start()


async def test_new_conversations_are_limited_but_not_going_on_with_one(
    no_refill: None, visitor: Browser
) -> None:
    for _ in range(5):
        await visitor.write("Hello")
        await visitor.write("and more")
        await visitor.ok("connection.close", connection=visitor.connection)
    assert await visitor.refused("message.send", client_id=str(uuid.uuid4()), content="x") == "throttled"
