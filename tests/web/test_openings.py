"""Who may open a conversation, by how much, and what is left behind where somebody may not."""

import asyncio
import contextlib
import logging
import uuid
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from bridge.errors import BridgeError
from bridge.identity import tokens
from bridge.infra.limits import THROTTLES, Limit, Throttle
from bridge.infra.proofs import LEAST, solve
from bridge.infra.throttling import InboxFull, Throttler
from bridge.live.worker import Worker
from bridge.models import (
    Attachment,
    Block,
    Connection,
    Contact,
    Delivery,
    Endpoint,
    Inbox,
    Message,
    Participant,
)
from tests.web.browser import Browser
from tests.web.conftest import YEAR, Open
from tests.web.files import http
from tests.web.identities import take, vouch
from tests.web.test_rooms import make_room

OPENING = THROTTLES["opening"]
PLENTY = Limit(1_000_000, YEAR)


def throttled(settings: Any, **opening: Any) -> None:
    """Buckets that do not fill again while a test runs, wherever nothing else is said."""
    everything = dict.fromkeys(THROTTLES, Throttle(visitor=PLENTY, address=PLENTY))
    settings.BRIDGE_THROTTLES = everything | {
        "opening": Throttle(**{"visitor": PLENTY, "address": PLENTY, **opening})
    }


@pytest.fixture
def ten_an_inbox(settings: Any) -> None:
    throttled(settings, inbox=Limit(10, YEAR))


async def send(browser: Browser, **payload: Any) -> dict[str, Any]:
    payload = {"content": "Hello", "client_id": str(uuid.uuid4()), **payload}
    return await browser.ask("message.send", **payload)


async def opens(browser: Browser, **payload: Any) -> str:
    """“ok”, or the code that it was refused with."""
    reply = await send(browser, **payload)
    return "ok" if reply["ok"] else str(reply["error"]["code"])


async def stored() -> dict[str, int]:
    models = (Connection, Participant, Endpoint, Message, Delivery, Contact)
    return {model.__name__: await model.objects.acount() for model in models}


async def newcomer(browser: Open, address: str, **start: Any) -> Browser:
    someone = browser(address=address)
    await someone.start(**start)
    return someone


# ---------------------------------------------------- one network, and everybody else


async def granted(throttler: Throttler, *addresses: str, inbox: int = 1) -> int:
    """Of so many openings, each by another visitor."""
    taken = 0
    for address in addresses:
        with contextlib.suppress(BridgeError):
            await throttler.take("opening", visitor=uuid.uuid4(), address=address, inbox=inbox)
            taken += 1
    return taken


@pytest.fixture
def no_refill_of_openings(settings: Any) -> None:
    networks = tuple(each._replace(limit=Limit(each.limit.amount, YEAR)) for each in OPENING.networks)
    assert OPENING.inbox is not None
    settings.BRIDGE_THROTTLES = {
        "opening": Throttle(
            Limit(OPENING.visitor.amount, YEAR),
            Limit(OPENING.address.amount, YEAR),
            networks,
            Limit(OPENING.inbox.amount, YEAR),
        )
    }


NETWORKS = {
    "one address": (["192.0.2.1"] * 400, 60),
    "a /64, of which a socket knows no more": (["2001:db8::"] * 400, 60),
    "a /24": ([f"192.0.2.{number % 256}" for number in range(800)], 200),
    "a /56": ([f"2001:db8:0:{number % 256:x}::" for number in range(800)], 120),
    "a /48": ([f"2001:db8:0:{number * 97 % 65536:x}::" for number in range(800)], 200),
    "a /32": ([f"2001:db8:{number % 9999:x}:{number:x}::" for number in range(800)], 300),
}


@pytest.mark.parametrize("network", NETWORKS)
async def test_whatever_one_network_does_a_visitor_elsewhere_still_reaches_the_team(
    valkey_url: str, no_refill_of_openings: None, network: str
) -> None:
    addresses, most = NETWORKS[network]
    throttler = Throttler()
    assert await granted(throttler, *addresses) == most
    for elsewhere in ("198.51.100.7", "2001:db9::", "2a00::", "unknown"):
        assert await granted(throttler, elsewhere) == 1


async def test_the_limits_grow_with_the_network_and_none_has_all_of_an_inboxs() -> None:
    assert OPENING.inbox is not None
    for version in (4, 6):
        sizes = sorted((each for each in OPENING.networks if each.version == version), reverse=True)
        amounts = [OPENING.address.amount, *(each.limit.amount for each in sizes), OPENING.inbox.amount]
        assert amounts == sorted(set(amounts))


async def test_an_inbox_has_its_own_limit_and_another_inbox_has_another(
    valkey_url: str, settings: Any
) -> None:
    throttled(settings, inbox=Limit(20, YEAR))
    throttler = Throttler()
    assert await granted(throttler, *(f"10.{number}.0.1" for number in range(100))) == 20
    with pytest.raises(InboxFull) as refused:
        await throttler.take("opening", visitor=uuid.uuid4(), address="10.200.0.1", inbox=1)
    assert int(str(refused.value.details["retry_after"])) >= 1
    assert await granted(throttler, "10.0.0.1", inbox=2) == 1


async def test_who_is_refused_for_their_own_network_takes_nothing_of_the_inboxs(
    valkey_url: str, settings: Any
) -> None:
    throttled(settings, address=Limit(1, YEAR), inbox=Limit(20, YEAR))
    throttler = Throttler()
    assert await granted(throttler, *["192.0.2.1"] * 50) == 1
    assert await granted(throttler, *(f"198.51.100.{number}" for number in range(50))) == 19


async def test_an_address_of_ipv4_written_as_ipv6_is_the_same(browser: Open, settings: Any) -> None:
    throttled(settings, address=Limit(1, YEAR))
    assert await opens(await newcomer(browser, "192.0.2.9")) == "ok"
    assert await opens(await newcomer(browser, "::ffff:192.0.2.9")) == "throttled"


# ------------------------------------------------------------ an inbox at its limit


async def test_an_inbox_at_its_limit_says_when_and_staff_and_the_log_learn_it_once(
    ten_an_inbox: None, browser: Open, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.proof = Inbox.Proof.OFF
    await inbox.asave()
    first = await newcomer(browser, "10.1.1.1")
    await first.write("I was here before")
    for number in range(9):
        assert await opens(await newcomer(browser, f"10.2.{number}.1")) == "ok"
    before = await stored()
    with caplog.at_level(logging.WARNING):
        for number in range(5):
            reply = await send(await newcomer(browser, f"10.3.{number}.1"))
            assert reply["error"]["code"] == "throttled"
            assert reply["error"]["details"]["retry_after"] >= 1
    assert await stored() == before
    assert len([each for each in caplog.records if "reached its limit" in each.getMessage()]) == 1
    await inbox.arefresh_from_db()
    assert inbox.full_at is not None
    assert not inbox.full_told
    # Whoever has a conversation goes on with it, from another tab, too.
    await first.write("And still am")
    tab = browser(token=first.token, address="10.9.9.9")
    await tab.start()
    await tab.write("Here as well")
    assert await Connection.objects.acount() == 10


async def test_a_message_that_is_sent_again_needs_no_turn(
    ten_an_inbox: None, browser: Open, inbox: Inbox
) -> None:
    inbox.proof = Inbox.Proof.OFF
    await inbox.asave()
    someone = await newcomer(browser, "10.1.1.1")
    said = await someone.write("Once")
    await someone.ok("connection.close", connection=someone.connection)
    for number in range(9):
        assert await opens(await newcomer(browser, f"10.2.{number}.1")) == "ok"
    tab = browser(token=someone.token, address="10.1.1.1")
    await tab.start()
    again = await tab.write("Once", client_id=said["client_id"])
    assert again["uid"] == said["uid"]
    assert await opens(tab) == "throttled"


async def test_opening_and_closing_in_two_tabs_at_once_takes_a_turn_each_time(
    browser: Open, settings: Any
) -> None:
    """What was asked for one conversation opens no other."""
    throttled(settings, visitor=Limit(3, YEAR))
    one = await newcomer(browser, "10.1.1.1")
    other = browser(token=one.token, address="10.1.1.2")
    await other.start()

    async def close() -> None:
        for connection in [each async for each in Connection.objects.filter(state="open")]:
            await other.ask("connection.close", connection=str(connection.uid))

    for _ in range(8):
        await asyncio.gather(opens(one), close())
        await close()
    assert await Connection.objects.acount() <= 3


# --------------------------------------------- what a refused first message leaves behind


async def _forbidden_word(browser: Open) -> Browser:
    await Inbox.objects.aupdate(blocked_words="spam")
    return await newcomer(browser, "10.1.1.1")


async def _link(browser: Open) -> Browser:
    await Inbox.objects.aupdate(links=Inbox.Links.REFUSE)
    return await newcomer(browser, "10.1.1.1")


async def _forbidden_since(browser: Open) -> Browser:
    """This process has not heard of it yet."""
    someone = await newcomer(browser, "10.1.1.1")
    await Inbox.objects.aupdate(blocked_words="spam")
    return someone


async def _muted(browser: Open) -> Browser:
    """In an earlier conversation; and this process has not heard of it yet."""
    someone = await newcomer(browser, "10.1.1.1")
    await someone.write("Hello")
    await someone.ok("connection.close", connection=someone.connection)
    who = tokens.read(someone.token or "").visitor
    await Participant.objects.filter(visitor=who).aupdate(muted_until=timezone.now() + timedelta(hours=1))
    return someone


async def _blocked(browser: Open) -> Browser:
    """So long ago that no process looks for their sockets any more."""
    someone = await newcomer(browser, "10.1.1.1")
    await Block.objects.acreate(
        inbox=await Inbox.objects.aget(),
        visitor=tokens.read(someone.token or "").visitor,
        created_at=timezone.now() - timedelta(hours=1),
    )
    return someone


async def _unproven(browser: Open) -> Browser:
    await Inbox.objects.aupdate(proof=Inbox.Proof.ON)
    return await newcomer(browser, "10.1.1.1")


async def _plain(browser: Open) -> Browser:
    return await newcomer(browser, "10.1.1.1")


GONE = str(uuid.UUID(int=5))
REFUSED = {
    "a forbidden word": (_forbidden_word, {}, "not_permitted"),
    "a link": (_link, {"content": "spam at https://spam.example"}, "not_permitted"),
    "forbidden just now": (_forbidden_since, {}, "not_permitted"),
    "muted": (_muted, {}, "not_permitted"),
    "blocked": (_blocked, {}, "blocked"),
    "no proof of work": (_unproven, {}, "proof_required"),
    "too long": (_plain, {"content": "x" * 4001}, "too_large"),
    "empty": (_plain, {"content": " "}, "invalid_payload"),
    "a file that is not there": (_plain, {"attachments": [GONE]}, "not_found"),
    "nothing but a file that is not there": (_plain, {"content": "", "attachments": [GONE]}, "not_found"),
    "an answer to nothing": (_plain, {"reply_to": GONE}, "not_found"),
    "a conversation that is not theirs": (_plain, {"connection": GONE}, "not_found"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_first_message_that_is_refused_leaves_nothing_behind_and_takes_nobodys_turn(
    browser: Open, settings: Any, case: str
) -> None:
    throttled(settings, address=Limit(2, YEAR), inbox=Limit(2, YEAR))
    prepare, payload, code = REFUSED[case]
    someone = await prepare(browser)
    before = await stored()
    for _ in range(3 if code != "blocked" else 1):
        assert await opens(someone, **{"content": "spam", **payload}) == code
    assert await stored() == before
    await Inbox.objects.aupdate(blocked_words="", links=Inbox.Links.ALLOW, proof=Inbox.Proof.OFF)
    await Worker.current().look_at_moderation()
    stranger = await newcomer(browser, "10.1.1.1")
    assert await opens(stranger) == "ok"
    if case != "muted":  # whose own first conversation had one of the two turns
        assert await opens(await newcomer(browser, "10.1.1.1")) == "ok"
    assert await opens(await newcomer(browser, "10.1.1.1")) == "throttled"


async def test_what_comes_before_a_first_message_opens_nothing(browser: Open, inbox: Inbox) -> None:
    await sync_to_async(make_room)(inbox)
    before = await stored()
    someone = await newcomer(browser, "10.1.1.1", nick="Ada", page={"title": "A page"})
    await someone.ok("contact.set", name="Ada", email="ada@example.com")
    await someone.ok("nick.set", nick="Bob")
    await someone.ok("room.list")
    await http("POST", "/files/?inbox=default&name=a.txt", token=someone.token, body=b"words")
    after = await stored()
    assert after == before | {"Contact": 1}
    assert await Attachment.objects.acount() == 1
    await someone.ok("room.join", room="lobby")
    assert await stored() == after | {"Participant": before["Participant"] + 1}
    assert await Endpoint.objects.filter(remote_id__isnull=True).acount() == 0


async def test_a_name_that_is_left_passes_the_same_filter(browser: Open) -> None:
    someone = await _forbidden_word(browser)
    assert await someone.refused("contact.set", name="Spam") == "not_permitted"
    assert await Contact.objects.acount() == 0
    await someone.ok("contact.set", name="Ada")


async def test_a_file_alone_opens_a_conversation_as_words_do(ten_an_inbox: None, browser: Open) -> None:
    someone = await newcomer(browser, "10.1.1.1")
    answer = await http("POST", "/files/?inbox=default&name=a.txt", token=someone.token, body=b"words")
    assert await opens(someone, content="", attachments=[answer.json["uid"]]) == "ok"
    assert await Connection.objects.acount() == 1
    assert await Attachment.objects.filter(message__isnull=False).acount() == 1


# ------------------------------------------------------------------- proof of work


@pytest.fixture
async def checking(inbox: Inbox) -> Inbox:
    inbox.proof = Inbox.Proof.ON
    await inbox.asave()
    return inbox


async def challenged(browser: Browser, **payload: Any) -> dict[str, Any]:
    error = (await send(browser, **payload))["error"]
    assert error["code"] == "proof_required"
    assert set(error["details"]) == {"challenge", "bits", "answers"}
    return dict(error["details"])


def proof(challenge: dict[str, Any]) -> dict[str, Any]:
    return {"challenge": challenge["challenge"], "answers": solve(**challenge)}


async def test_who_solves_the_challenge_is_let_in_and_not_asked_again_while_it_is_open(
    checking: Inbox, visitor: Browser, browser: Open
) -> None:
    challenge = await challenged(visitor)
    assert challenge["bits"] == LEAST
    await visitor.write("Hello", proof=proof(challenge))
    await visitor.write("And more")
    tab = browser(token=visitor.token)
    await tab.start()
    await tab.write("From another tab")
    assert await Connection.objects.acount() == 1


async def test_a_solution_opens_one_conversation(checking: Inbox, visitor: Browser, browser: Open) -> None:
    solution = proof(await challenged(visitor))
    await visitor.write("Hello", proof=solution)
    await visitor.ok("connection.close", connection=visitor.connection)
    tab = browser(token=visitor.token, address="198.51.100.7")
    await tab.start()
    for each in (visitor, tab):
        assert await opens(each, proof=solution) == "proof_required"
    assert await Connection.objects.acount() == 1


async def test_a_solution_is_nobody_elses(checking: Inbox, visitor: Browser, stranger: Browser) -> None:
    solution = proof(await challenged(visitor))
    assert await opens(stranger, proof=solution) == "proof_required"
    assert await opens(visitor, proof=solution) == "ok"


async def test_a_solution_is_kept_where_something_else_was_in_the_way(
    checking: Inbox, visitor: Browser
) -> None:
    solution = proof(await challenged(visitor))
    assert await opens(visitor, proof=solution, attachments=[GONE]) == "not_found"
    assert await opens(visitor, proof=solution) == "ok"


async def test_whom_their_site_vouches_for_is_not_asked(
    checking: Inbox, browser: Open, settings: Any
) -> None:
    await take(checking, Inbox.Identity.JWT)
    known = browser()
    await known.start(identity=vouch(checking))
    assert await opens(known) == "ok"
    stranger = browser()
    await stranger.start()
    assert await opens(stranger) == "proof_required"


async def test_a_rush_of_openings_switches_it_on_and_makes_it_harder(
    browser: Open, settings: Any, inbox: Inbox
) -> None:
    throttled(settings, inbox=Limit(40, YEAR))

    async def opened(count: int, *, ago: float = 0.0) -> None:
        at = timezone.now() - timedelta(seconds=ago)
        rows = [Connection(inbox=inbox, visitor=uuid.uuid4(), created_at=at) for _ in range(count)]
        await Connection.objects.abulk_create(rows)

    async def bits() -> int:
        """Of what is asked of somebody new; 0: nothing."""
        error = (await send(await newcomer(browser, "10.1.1.1"))).get("error")
        return int(error["details"]["bits"]) if error else 0

    await opened(50, ago=YEAR / 6 + 60)  # long ago
    await opened(2)
    assert await bits() == 0
    await opened(1)  # with the one that was let in: a tenth of what the inbox has
    assert await bits() == LEAST
    await opened(12)
    assert await bits() == LEAST + 2
    await Inbox.objects.aupdate(proof=Inbox.Proof.ON)
    assert await bits() == LEAST + 2
    await Inbox.objects.aupdate(proof=Inbox.Proof.OFF)
    assert await bits() == 0


async def test_without_a_limit_nothing_is_a_rush(browser: Open, settings_without_limits: None) -> None:
    inbox = await Inbox.objects.aget()
    await Connection.objects.abulk_create([Connection(inbox=inbox, visitor=uuid.uuid4()) for _ in range(600)])
    assert await opens(await newcomer(browser, "10.1.1.1")) == "ok"
    await Inbox.objects.aupdate(proof=Inbox.Proof.ON)
    assert await opens(await newcomer(browser, "10.1.1.2")) == "proof_required"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"challenge": "x" * 301, "answers": []},
        {"challenge": "x", "answers": [-1]},
        {"challenge": "x", "answers": ["1"]},
        {"challenge": "x", "answers": [1.5]},
        {"challenge": "x", "answers": [0] * 65},
        {"challenge": "x", "answers": [], "more": 1},
        "x",
    ],
)
async def test_what_is_no_proof_at_all_is_refused(checking: Inbox, visitor: Browser, wrong: Any) -> None:
    assert await opens(visitor, proof=wrong) == "invalid_payload"
