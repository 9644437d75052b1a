"""Who is online: across processes, gone soon after a crash, back when Redis is. A stranger is counted by himself."""

import asyncio
import uuid
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async

from bridge.infra import redis
from bridge.live.worker import Worker
from bridge.models import Connection, Contact, Inbox
from bridge.presence import online
from bridge.presence.registry import Registry
from bridge.presence.rooms import announce
from bridge.presence.shared import Scope
from tests.web.browser import Browser
from tests.web.conftest import Open
from tests.web.identities import Page, take, user, vouch
from tests.web.test_rooms import make_room

ADA, EVE = uuid.uuid4(), uuid.uuid4()


async def _beat() -> None:
    await Worker.current().presence.flush()


async def test_several_tabs_are_one_visitor_until_the_last_one_goes(
    browser: Open, visitor: Browser, stranger: Browser, inbox: Inbox
) -> None:
    await visitor.write("Hello")
    tab = browser(token=visitor.token)
    await tab.start()
    await _beat()
    connection = await Connection.objects.aget(uid=visitor.connection)
    assert await online.acount(inbox) == (2, 0, 3)
    (present,) = await online.asessions(connection=connection)
    assert (present.visitor, present.sockets, present.identified) == (connection.visitor, 2, False)
    await visitor.leave()
    await _beat()
    assert await online.acount(inbox) == (2, 0, 2)
    assert await online.ais_online(present.visitor)
    await tab.leave()
    await _beat()
    assert await online.acount(inbox) == (1, 0, 1)
    assert not await online.ais_online(present.visitor)
    assert await online.asessions(connection=connection) == []


async def test_a_socket_without_a_session_is_nobody(browser: Open, inbox: Inbox) -> None:
    silent = browser()
    await silent.open()
    assert await silent.refused("session.start", token="nonsense") == "not_identified"
    await _beat()
    assert await online.acount(inbox) == (0, 0, 0)


async def test_who_is_identified_is_found_by_his_user(browser: Open, stranger: Browser, inbox: Inbox) -> None:
    await take(inbox, "both")
    ada = await user()
    page = Page()
    await page.log_in(ada)
    hers, his = browser(**page.cookies), browser()
    await hers.start()
    await his.start(identity=vouch(inbox, name="Grace"))
    await _beat()
    assert await online.acount(inbox) == (3, 2, 3)
    (found,) = await online.asessions(user=ada)
    assert found.identified
    assert found.contact is not None
    assert (found.contact.email, found.contact.user_id) == ("ada@example.com", ada.pk)
    assert await online.asessions(user=await user("eve")) == []
    everybody = await online.asessions(inbox=inbox)
    assert {each.contact.name if each.contact else "" for each in everybody} == {"ada", "Grace", ""}


async def test_each_inbox_has_its_own(browser: Open, visitor: Browser, inbox: Inbox) -> None:
    sales = await Inbox.objects.acreate(name="sales")
    there = browser(token=visitor.token)
    await there.start(inbox="sales")
    await _beat()
    assert await online.acount(inbox) == await online.acount(sales.pk) == (1, 0, 1)
    (one, other) = await online.asessions(visitor=_who(visitor))
    assert {one.inbox, other.inbox} == {inbox.pk, sales.pk}
    await there.leave()
    await _beat()
    assert await online.ais_online(_who(visitor), inbox=inbox)
    assert not await online.ais_online(_who(visitor), inbox=sales)


async def test_in_a_room_are_those_who_joined_it(visitor: Browser, stranger: Browser, inbox: Inbox) -> None:
    lobby = await sync_to_async(make_room)(inbox)
    await visitor.ok("room.join", room="lobby")
    await _beat()
    assert [each.visitor for each in await online.asessions(connection=lobby)] == [_who(visitor)]
    await visitor.ok("room.leave", room=str(lobby.uid))
    await Worker.current().presence.flush()
    assert await online.asessions(connection=lobby) == []


async def test_one_question_is_asked_at_a_time(inbox: Inbox) -> None:
    for wrong in ({}, {"inbox": inbox, "visitor": ADA}):
        with pytest.raises(TypeError, match="one of"):
            await online.asessions(**wrong)


def _who(browser: Browser) -> uuid.UUID:
    from bridge.identity import tokens

    return tokens.read(browser.token or "").visitor


@pytest.fixture
def blocking(valkey_url: str) -> Iterator[None]:
    yield
    redis.blocking_client().close()


@pytest.mark.django_db(transaction=True)
def test_the_same_is_known_to_code_that_blocks(blocking: None) -> None:
    inbox = Inbox.objects.get_or_create(name="default")[0]
    Contact.objects.create(inbox=inbox, visitor=ADA, name="Ada")

    async def come() -> None:
        here = Registry(announce)
        here.arrive(Scope("inbox", inbox.pk), ADA.hex, identified=True)
        here.arrive(Scope("inbox", inbox.pk + 1), EVE.hex)
        await here.flush()

    asyncio.run(come())
    counts = [online.count(inbox.pk + more) for more in range(3)]
    assert counts == [(1, 1, 1), (1, 0, 1), (0, 0, 0)]
    assert online.is_online(ADA, inbox=inbox)
    assert not online.is_online(EVE, inbox=inbox)
    (found,) = online.sessions(inbox=inbox)
    assert found.contact is not None
    assert found.contact.name == "Ada"
