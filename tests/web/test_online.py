"""Who is online: across processes, gone soon after a crash, back when Redis is. A stranger is counted by himself."""

import asyncio
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from bridge.infra import redis
from bridge.live.worker import Worker
from bridge.models import Connection, Contact, Inbox
from bridge.presence import online
from bridge.presence.online import Registry
from bridge.presence.online import registry as registry_module
from tests.web.browser import Browser
from tests.web.conftest import Open
from tests.web.identities import Page, take, user, vouch
from tests.web.test_rooms import make_room

ADA, EVE = uuid.uuid4(), uuid.uuid4()


async def _beat() -> None:
    await Worker.current().online.beat()


async def test_several_tabs_are_one_visitor_until_the_last_one_goes(
    browser: Open, visitor: Browser, stranger: Browser, inbox: Inbox
) -> None:
    await visitor.write("Hello")
    tab = browser(token=visitor.token)
    await tab.start()
    await _beat()
    connection = await Connection.objects.aget(uid=visitor.connection)
    assert await online.count(inbox) == (2, 0, 3)
    (his,) = await online.sessions(connection=connection)
    assert (his.visitor, his.sockets, his.identified) == (connection.visitor, 2, False)
    await visitor.leave()
    await _beat()
    assert await online.count(inbox) == (2, 0, 2)
    assert await online.is_online(his.visitor)
    await tab.leave()
    await _beat()
    assert await online.count(inbox) == (1, 0, 1)
    assert not await online.is_online(his.visitor)
    assert await online.sessions(connection=connection) == []


async def test_a_socket_without_a_session_is_nobody(browser: Open, inbox: Inbox) -> None:
    silent = browser()
    await silent.open()
    assert await silent.refused("session.start", token="nonsense") == "not_identified"
    await _beat()
    assert await online.count(inbox) == (0, 0, 0)


async def test_who_is_identified_is_found_by_his_user(browser: Open, stranger: Browser, inbox: Inbox) -> None:
    await take(inbox, "both")
    ada = await user()
    page = Page()
    await page.log_in(ada)
    hers, his = browser(**page.cookies), browser()
    await hers.start()
    await his.start(identity=vouch(inbox, name="Grace"))
    await _beat()
    assert await online.count(inbox) == (3, 2, 3)
    (found,) = await online.sessions(user=ada)
    assert found.identified
    assert found.contact is not None
    assert (found.contact.email, found.contact.user_id) == ("ada@example.com", ada.pk)
    assert await online.sessions(user=await user("eve")) == []
    everybody = await online.sessions(inbox=inbox)
    assert {each.contact.name if each.contact else "" for each in everybody} == {"ada", "Grace", ""}


async def test_each_inbox_has_its_own(browser: Open, visitor: Browser, inbox: Inbox) -> None:
    sales = await Inbox.objects.acreate(name="sales")
    there = browser(token=visitor.token)
    await there.start(inbox="sales")
    await _beat()
    assert await online.count(inbox) == await online.count(sales.pk) == (1, 0, 1)
    (one, other) = await online.sessions(visitor=_who(visitor))
    assert {one.inbox, other.inbox} == {inbox.pk, sales.pk}
    await there.leave()
    await _beat()
    assert await online.is_online(_who(visitor), inbox=inbox)
    assert not await online.is_online(_who(visitor), inbox=sales)


async def test_in_a_room_are_those_who_joined_it(visitor: Browser, stranger: Browser, inbox: Inbox) -> None:
    lobby = await sync_to_async(make_room)(inbox)
    await visitor.ok("room.join", room="lobby")
    await Worker.current().members.flush()
    await _beat()
    assert [each.visitor for each in await online.sessions(connection=lobby)] == [_who(visitor)]
    await visitor.ok("room.leave", room=str(lobby.uid))
    await Worker.current().members.flush()
    assert await online.sessions(connection=lobby) == []


async def test_one_question_is_asked_at_a_time(inbox: Inbox) -> None:
    for wrong in ({}, {"inbox": inbox, "visitor": ADA}):
        with pytest.raises(TypeError, match="one of"):
            await online.sessions(**wrong)


def _who(browser: Browser) -> uuid.UUID:
    from bridge.identity import tokens

    return tokens.read(browser.token or "").visitor


# ------------------------------------------------------------------- processes


def _come(registry: Registry, *visitors: uuid.UUID, identified: bool = False, inbox: int = 1) -> None:
    for each in visitors:
        registry.arrive(inbox, each, identified=identified)


async def test_two_processes_are_one(valkey_url: str) -> None:
    one, other = Registry(), Registry()
    _come(one, ADA, EVE)
    _come(other, ADA, identified=True)
    await one.beat()
    await other.beat()
    assert await online.count(1) == (2, 1, 3)
    one.leave(1, ADA, identified=False)
    await one.beat()
    assert await online.count(1) == (2, 1, 2)
    await other.stop()
    assert await online.count(1) == (1, 0, 1)
    assert not await online.is_online(ADA)


async def test_a_process_that_died_is_forgotten_within_a_minute(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, other = Registry(), Registry()
    _come(dead, ADA)
    await dead.beat()
    (key,) = [each async for each in redis.client().scan_iter("chatbridge:{online}:*")]
    assert 0 < await redis.client().ttl(key) <= 60
    await redis.client().delete(key)
    assert await online.count(1) == (0, 0, 0)
    # What is left of it another takes away.
    _come(other, EVE)
    await other.beat()
    assert await redis.client().scard("chatbridge:{online}") == 1
    assert await online.count(1) == (1, 0, 1)


async def test_a_quiet_process_stays(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Registry()
    _come(here, ADA)
    await here.beat()
    (key,) = [each async for each in redis.client().scan_iter("chatbridge:{online}:*")]
    await redis.client().expire(key, 20)
    await here.beat()
    assert await redis.client().ttl(key) > 20


async def test_what_redis_forgot_is_written_again_whole(valkey_url: str) -> None:
    here = Registry()
    _come(here, ADA)
    await here.beat()
    await redis.client().flushall()
    assert await online.count(1) == (0, 0, 0)
    _come(here, EVE)
    await here.beat()
    assert await online.count(1) == (2, 0, 2)


async def test_what_changed_while_redis_was_away_is_not_lost(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Registry()
    _come(here, ADA)
    await here.beat()

    def away() -> None:
        raise redis.RedisError("away")

    with monkeypatch.context() as patch:
        patch.setattr(registry_module.redis, "client", away)
        _come(here, EVE)
        here.leave(1, ADA, identified=False)
        with pytest.raises(redis.RedisError):
            await here.beat()
    await here.beat()
    assert await online.is_online(EVE)
    assert not await online.is_online(ADA)


async def test_ten_thousand_are_counted_and_only_some_are_named(
    valkey_url: str, transactional_db: None
) -> None:
    many = [uuid.uuid4() for _ in range(5000)]
    one, other = Registry(), Registry()
    _come(one, *many)
    _come(other, *many[:1000], identified=True)
    _come(other, *(uuid.uuid4() for _ in range(5000)))
    await asyncio.gather(one.beat(), other.beat())
    assert await online.count(1) == (10_000, 1000, 11_000)
    assert len(await online.sessions(inbox=1)) == 200


@pytest.fixture
def blocking(valkey_url: str) -> Any:
    from bridge.presence.team import blocking_client

    yield
    blocking_client().close()


@pytest.mark.django_db(transaction=True)
def test_the_same_is_known_to_code_that_blocks(blocking: None) -> None:
    inbox = Inbox.objects.get_or_create(name="default")[0]
    Contact.objects.create(inbox=inbox, visitor=ADA, name="Ada")

    async def come() -> None:
        here = Registry()
        _come(here, ADA, inbox=inbox.pk, identified=True)
        _come(here, EVE, inbox=inbox.pk + 1)
        await here.beat()

    asyncio.run(come())
    assert online.online_in([inbox.pk, inbox.pk + 1, inbox.pk + 2]) == {
        inbox.pk: (1, 1, 1),
        inbox.pk + 1: (1, 0, 1),
        inbox.pk + 2: (0, 0, 0),
    }
    assert online.is_here(inbox.pk, ADA)
    assert not online.is_here(inbox.pk, EVE)
    (found,) = online.some_of(inbox.pk)
    assert found.contact is not None
    assert found.contact.name == "Ada"
