"""What a visitor is called in a room: unique under look-alikes, never staff's, changed before everybody's eyes."""

import asyncio
import threading
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from bridge.chat.actions import enter_room, rename
from bridge.errors import BridgeError
from bridge.live.worker import Worker
from bridge.models import Connection, Inbox, Participant
from bridge.presence import team
from bridge.text.lookalikes import is_reserved, key_of, readings
from bridge.text.nicks import nick_for, nicks_for
from tests.web.browser import Browser
from tests.web.conftest import Open
from tests.web.test_rooms import make_room

CYRILLIC_A = "\N{CYRILLIC SMALL LETTER A}"
ALIKE = [
    ("Ada", "ADA"),
    ("Ada", f"Ad{CYRILLIC_A}"),
    ("Ada", "Ａｄａ"),  # that they look alike is the point
    ("Ada", "𝔸𝕕𝕒"),
    ("Ada", "Ad a"),
    ("Bob", "\N{CYRILLIC CAPITAL LETTER VE}ob"),
    ("BOB", "\N{CYRILLIC CAPITAL LETTER VE}\N{CYRILLIC CAPITAL LETTER O}\N{CYRILLIC CAPITAL LETTER VE}"),
    ("Alice", "AIice"),
    ("Alice", "A1ice"),
    ("alice", "ALICE"),
    ("Moore", "Rnoore"),
    ("Oscar", "0scar"),
    ("Виктор", "ВИКТОР"),
    ("Straße", "STRASSE"),
    ("🦊", "🦊\ufe0f"),
    ("Ada", "Ada·"),
    ("Ada", "🟠Ada"),
    ("Ada", "Ada ✓"),
    ("Ada", "Ada™"),
    ("Ada", "[Ada]"),
    ("Ada", "__Ada__"),
    ("Ada", "🇩🇪 Ada"),
    ("Ada", "🅰da"),
    ("Ada", "A\u0336d\u0336a\u0336"),
    ("علی\u200cرضا", "علیرضا"),
]
UNLIKE = [
    ("Ada", "Adam"),
    ("Fox 1", "Fox 2"),
    ("José", "Jose"),
    ("Ann", "Any"),
    ("Rob", "Yob"),
    ("Ивaн", "Иван 2"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_look_alike_have_one_key(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_names_that_differ_have_different_keys(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


def test_every_case_of_a_letter_has_its_key() -> None:
    letters = [chr(code) for code in range(0x41, 0x530) if chr(code).isalpha()]
    assert [each for each in letters if key_of(each) != key_of(each.casefold())] == []


@pytest.mark.parametrize(
    "name",
    """
    Staff|[ADMIN]|ѕtаff|Mod|m0derator|ⓐⓓⓜⓘⓝ|The Team|Ada (staff)|Support Team
    |StaffAda|AdaSupport|ADAStaff|s.t.a.f.f|s t a f f
    |Ada S T A F F|$taff|5taff|@dmin|adm1n|Admin2|supportteam|🇸🇹🇦🇫🇫
    |🆂🆃🅰🅵🅵|⒮⒯⒜⒡⒡|sta\u0336ff|ＳＴＡＦＦ|sTaFf|Ada-Mod|You|YOU!|Ad min
    |Customer Service Ada|MODS|the.team|小王客服|Sуstem|st-aff|Ada ✓ Official
    """.strip()
    .replace("\n", "")
    .replace("    ", "")
    .split("|"),
)
def test_words_that_stand_for_staff_are_reserved(name: str) -> None:
    assert is_reserved(name, names="the team\n客服\n")


@pytest.mark.parametrize(
    "name",
    "Stafford|Ada|Adminah|🦊|Teamster|Modesty|Scunthorpe|Maude|Youssef|Thank You"
    "|Supportive|Systema|Moderna|Modibo|Falstaff"
    "|Steam|Nomad|Timo D|Ben Bot|Madmin|Adam Inn|Brave Fox 2|Амод|O|王小明".split("|"),
)
def test_other_words_are_not(name: str) -> None:
    assert not is_reserved(name, names="the team\n\n")


@pytest.mark.parametrize("name", ["4da", "@da", "Al\u03bdin", "🇦🇩🇦", "\u0430d\u0430", "A|vin", "ALVlN"])
def test_a_name_is_compared_with_staffs_in_every_way_that_it_can_be_read(name: str) -> None:
    assert readings(name) & {key_of("Ada"), key_of("Alvin")}


def test_there_is_always_another_nick() -> None:
    nicks = nicks_for(uuid.UUID(int=0))
    names = [next(nicks) for _ in range(30)]
    assert names[0] == nick_for(uuid.UUID(int=0))
    assert len(set(names)) == 30


@pytest.fixture
def lobby(inbox: Inbox) -> Connection:
    return make_room(inbox)


async def _joined(someone: Browser, **payload: Any) -> str:
    return str((await someone.ok("room.join", room="lobby", **payload))["you"]["name"])


@pytest.mark.parametrize(("one", "other"), ALIKE)
async def test_nobody_takes_a_name_that_looks_like_anothers(
    visitor: Browser, stranger: Browser, lobby: Connection, one: str, other: str
) -> None:
    await _joined(visitor, nick=one)
    before = await _joined(stranger)
    room = str(lobby.uid)
    assert await stranger.refused("nick.set", connection=room, nick=other) == "conflict"
    assert await stranger.refused("room.join", room="lobby", nick=other) == "conflict"
    assert (await Participant.objects.aget(nick=before)).connection_id == lobby.pk
    # His own he may spell as he likes.
    assert (await visitor.ok("nick.set", connection=room, nick=other))["nick"] == " ".join(other.split())


@pytest.mark.parametrize(
    "nick",
    [
        "Ada\u200b",
        "\u200bAda",
        "Ada\u202egnitirw",
        "\u2066Ada",
        "Ad\u00ada",
        "\u3164",
        "\u2800",
        "Ad\u034fa",
        "A\ufeffda",
        "Ada\U000e0041",
        "\u200b\u200c\u200d",
        "\x00Ada",
        "   ",
        "x" * 33,
    ],
)
async def test_what_cannot_be_seen_is_no_name(visitor: Browser, lobby: Connection, nick: str) -> None:
    before = await _joined(visitor)
    assert await visitor.refused("nick.set", connection=str(lobby.uid), nick=nick) == "invalid_payload"
    assert await visitor.refused("room.join", room="lobby", nick=nick) == "invalid_payload"
    assert (await Participant.objects.aget()).nick == before


async def test_staffs_names_are_reserved_in_every_room_of_their_inbox(
    visitor: Browser, lobby: Connection, inbox: Inbox, staff_write: Any
) -> None:
    from bridge.chat.actions.receiving import RemoteAuthor, participant_of
    from bridge.models import Endpoint

    await visitor.write("Hello")
    endpoint = await Endpoint.objects.select_related("connection").aget(connection__kind="private")
    await sync_to_async(participant_of)(endpoint, RemoteAuthor("42", "Sam Miller"))
    await team.bot_named("Bridge Keeper")
    await Inbox.objects.aupdate(reserved_nicks="Head office\nThe Boss")
    before = await _joined(visitor)
    for name in (
        "sam miller",
        "S\N{CYRILLIC SMALL LETTER A}m Mi1ler",
        "Staff",
        "BRIDGE KEEPER",
        "head-office",
    ):
        assert await visitor.refused("nick.set", connection=str(lobby.uid), nick=name) == "not_permitted"
    assert (await Participant.objects.aget(connection=lobby)).nick == before
    # Elsewhere somebody else is called so.
    other = await Inbox.objects.acreate(name="other")
    cellar = await sync_to_async(make_room)(other, slug="cellar")
    room = await Connection.objects.select_related("inbox").aget(pk=cellar.pk)
    me = await sync_to_async(enter_room)(room, visitor=uuid.uuid4(), nick="Sam Miller")
    assert me.nick == "Sam Miller"


async def test_who_answers_from_the_site_keeps_their_name_before_they_said_anything(
    visitor: Browser, lobby: Connection, django_user_model: Any
) -> None:
    await django_user_model.objects.acreate(
        username="ada", first_name="Ada", last_name="Byron", is_staff=True
    )
    await django_user_model.objects.acreate(username="eve", first_name="Eve", last_name="Customer")
    await _joined(visitor)
    for name in ("Ada Byron", "Ada Byron ✓", "4da-Byron", "🟠 ada byron"):
        assert await visitor.refused("nick.set", connection=str(lobby.uid), nick=name) == "not_permitted"
    assert (await visitor.ok("nick.set", connection=str(lobby.uid), nick="Eve Customer"))["nick"]


async def test_a_visitor_makes_way_for_staff_who_speak_under_their_name(
    visitor: Browser, stranger: Browser, lobby: Connection, inbox: Inbox
) -> None:
    from bridge.chat.actions.receiving import RemoteAuthor, participant_of
    from bridge.models import Endpoint

    await _joined(visitor, nick="Ada·")
    await _joined(stranger, nick="Ada Two")
    other = await Inbox.objects.acreate(name="other")
    cellar = await sync_to_async(make_room)(other, slug="cellar")
    room = await Connection.objects.select_related("inbox").aget(pk=cellar.pk)
    elsewhere = await sync_to_async(enter_room)(room, visitor=uuid.uuid4(), nick="Ada")
    endpoint = await Endpoint.objects.select_related("connection").aget(connection=lobby)
    await sync_to_async(participant_of)(endpoint, RemoteAuthor("42", "ADA"))
    renamed = await stranger.event("participant.renamed")
    assert renamed["payload"]["previous"] == "Ada·"
    assert renamed["payload"]["participant"]["name"] == "Ada· (visitor)"
    names = {each.nick async for each in Participant.objects.filter(connection=lobby)}
    assert names == {"ADA", "Ada· (visitor)", "Ada Two"}
    await elsewhere.arefresh_from_db()
    assert elsewhere.nick == "Ada"
    assert (await visitor.write("Still here", connection=str(lobby.uid)))["author"][
        "name"
    ] == "Ada· (visitor)"
    assert await visitor.refused("nick.set", connection=str(lobby.uid), nick="Ada") == "not_permitted"


async def test_a_name_that_a_site_vouches_for_is_kept_and_told_apart(lobby: Connection) -> None:
    room = await Connection.objects.select_related("inbox").aget(pk=lobby.pk)

    def come(called: str) -> str:
        return enter_room(room, visitor=uuid.uuid4(), called=called).nick

    enter = sync_to_async(come)
    assert await enter("علی\u200cرضا") == "علی\u200cرضا"
    assert [await enter("Ada"), await enter("ADA")] == ["Ada", "ADA 2"]
    assert await enter("Ada Support") == "Ada Support (visitor)"
    assert await enter("Ada Support") == "Ada Support (visitor) 2"
    long = await enter("क्षि" * 8)
    assert (len(long), await enter("क्षि" * 8)) == (32, "क्षि" * 7 + " 2")


async def test_a_nick_that_is_taken_gets_a_number(
    visitor: Browser, browser: Open, lobby: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.text.nicks.nick_for", lambda visitor: "Brave Fox")
    first, second = await _joined(visitor), browser()
    await second.start()
    assert first == "Brave Fox"
    assert (await _joined(second)).startswith("Brave Fox ")


async def test_everybody_there_hears_of_a_new_name_and_later_messages_carry_it(
    browser: Open, visitor: Browser, stranger: Browser, lobby: Connection
) -> None:
    elsewhere = browser()
    await elsewhere.start()
    before = await _joined(visitor)
    await _joined(stranger)
    tab = browser(token=visitor.token)
    await tab.start()
    await _joined(tab)
    await Worker.current().presence.flush()
    await visitor.ok("nick.set", connection=str(lobby.uid), nick="Grace")
    renamed = await stranger.event("participant.renamed")
    assert renamed["payload"]["participant"]["name"] == "Grace"
    assert renamed["payload"]["previous"] == before
    # Also from the tab that was not the one that renamed.
    assert (await tab.write("Hello", connection=str(lobby.uid)))["author"]["name"] == "Grace"
    heard = (await stranger.event("message.posted"))["payload"]["messages"][0]
    assert heard["author"]["name"] == "Grace"
    assert await elsewhere.hears_nothing()
    members = (await stranger.ok("room.members", room=str(lobby.uid)))["members"]
    assert "Grace" in {each["name"] for each in members}


async def test_a_name_for_a_private_conversation_is_his_own_affair(
    visitor: Browser, stranger: Browser
) -> None:
    assert await visitor.ok("nick.set", nick="Grace") == {"nick": "Grace"}
    assert (await visitor.write("Hello"))["author"]["name"] == "Grace"
    await stranger.write("Hello")
    assert await stranger.refused("nick.set", connection=visitor.connection, nick="Eve") == "not_found"
    await stranger.ok("nick.set", connection=stranger.connection, nick="Grace")
    assert (await stranger.write("I am Grace, too"))["author"]["name"] == "Grace"
    assert {each.nick async for each in Connection.objects.all()} == {"Grace"}


async def test_two_who_take_a_name_at_once_do_not_both_get_it(lobby: Connection) -> None:
    room = await Connection.objects.select_related("inbox").aget(pk=lobby.pk)
    people = [await sync_to_async(enter_room)(room, visitor=uuid.uuid4()) for _ in range(6)]
    ready = threading.Barrier(len(people))

    def take(me: Participant) -> str:
        try:
            ready.wait()
            rename(me, "Grace")
        except BridgeError as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "ok"

    results = await asyncio.gather(*(asyncio.to_thread(take, me) for me in people))
    assert sorted(results) == ["conflict"] * 5 + ["ok"]
    assert await Participant.objects.filter(nick="Grace").acount() == 1


async def test_many_who_come_at_once_all_get_a_name(
    lobby: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.text.nicks.nick_for", lambda visitor: "Brave Fox")
    room = await Connection.objects.select_related("inbox").aget(pk=lobby.pk)

    def come() -> str:
        try:
            return enter_room(room, visitor=uuid.uuid4()).nick
        finally:
            connections.close_all()

    names = await asyncio.gather(*(asyncio.to_thread(come) for _ in range(8)))
    assert len(set(names)) == 8
