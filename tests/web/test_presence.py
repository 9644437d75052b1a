"""Who is online: across processes, gone soon after a crash, back when Redis is."""

import uuid

import pytest
from asgiref.sync import sync_to_async

from bridge import presence, redis
from bridge.models import Inbox
from bridge.presence import Presence
from bridge.process import Process
from tests.web.browser import Browser
from tests.web.conftest import Open

online = sync_to_async(presence.online, thread_sensitive=False)


async def test_a_visitor_is_online_while_he_has_a_socket(browser: Open) -> None:
    here, there = browser(), browser()
    await here.start()
    await here.write("Hello")
    there.token = here.token
    await there.start()
    uid, nobody = str(here.connection), str(uuid.uuid4())
    process = Process.current()
    await process.presence.beat()
    assert await online([uid, nobody]) == {uid}
    await here.leave()
    await process.presence.beat()
    assert await online([uid]) == {uid}
    await there.leave()
    await process.presence.beat()
    assert await online([uid]) == set()


async def test_two_processes_are_one(valkey_url: str) -> None:
    one, other = Presence(), Presence()
    one.arrive("a")
    other.arrive("b")
    other.arrive("a")
    await one.beat()
    await other.beat()
    assert await online(["a", "b", "c"]) == {"a", "b"}
    one.leave("a")
    await one.beat()
    assert await online(["a"]) == {"a"}
    await other.stop()
    assert await online(["a", "b"]) == set()


async def test_a_process_that_died_is_forgotten_within_a_minute(valkey_url: str) -> None:
    dead = Presence()
    dead.arrive("a")
    await dead.beat()
    (key,) = [each async for each in redis.client().scan_iter("chatbridge:online:*")]
    assert 0 < await redis.client().ttl(key) <= 60
    await redis.client().delete(key)
    assert await online(["a"]) == set()
    assert await redis.client().scard("chatbridge:online") == 0


async def test_what_redis_forgot_is_written_again_whole(valkey_url: str) -> None:
    here = Presence()
    for uid in ("a", "b"):
        here.arrive(uid)
    await here.beat()
    await redis.client().flushall()
    assert await online(["a", "b"]) == set()
    here.arrive("c")
    await here.beat()
    assert await online(["a", "b", "c"]) == {"a", "b", "c"}


async def test_what_changed_while_redis_was_away_is_not_lost(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Presence()
    here.arrive("a")
    await here.beat()

    def away() -> None:
        raise redis.RedisError("away")

    with monkeypatch.context() as patch:
        patch.setattr(presence.redis, "client", away)
        here.arrive("b")
        here.leave("a")
        with pytest.raises(redis.RedisError):
            await here.beat()
    await here.beat()
    assert await online(["a", "b"]) == {"b"}


async def test_the_team_is_online_while_the_bot_is_and_one_of_them_spoke_lately(valkey_url: str) -> None:
    assert not await presence.staff_online(1)
    await presence.gateway_up()
    assert not await presence.staff_online(1)
    await presence.staff_seen(1)
    assert await presence.staff_online(1)
    assert not await presence.staff_online(2)
    assert 0 < await redis.client().ttl("chatbridge:gateway") <= presence.GATEWAY_TTL
    assert 0 < await redis.client().ttl("chatbridge:staff:1") <= presence.STAFF_TTL
    await presence.gateway_down()
    assert not await presence.staff_online(1)


async def test_visitors_are_told_when_the_team_comes_and_goes(
    browser: Open, inbox: Inbox, visitor: Browser
) -> None:
    other = browser()
    await Inbox.objects.acreate(name="other")
    await other.start(inbox="other")
    process = Process.current()
    await presence.gateway_up()
    await presence.staff_seen(inbox.pk)
    await process._beat()
    assert (await visitor.event("presence.changed"))["payload"] == {"staff_online": True}
    late = browser()
    assert (await late.start())["staff_online"]
    await process._beat()
    await presence.gateway_down()
    await process._beat()
    assert (await visitor.event("presence.changed"))["payload"] == {"staff_online": False}
    assert (await late.event("presence.changed"))["payload"] == {"staff_online": False}
    assert await other.hears_nothing()
