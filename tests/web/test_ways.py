"""Every way of putting words before others, as the code has them, keeps to one set of rules.

A command, an address or a field that is new fails here until somebody says what others see of it.
"""

import typing
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.urls import URLPattern, reverse
from django.utils import timezone
from pydantic import BaseModel

from bridge.http.addresses import operations
from bridge.identity import tokens
from bridge.live.registry import entries
from bridge.live.worker import Worker
from bridge.models import Attachment, Connection, Contact, Inbox, Message, Participant, Reaction
from tests.web.browser import Browser
from tests.web.conftest import Open
from tests.web.files import http
from tests.web.test_rooms import make_room

SPEAKS, SIGNS, NAMES, SILENT, STAFF = "speaks", "signs", "names", "silent", "staff"
COMMANDS = {
    # Words of a visitor's that others read.
    "message.send": SPEAKS,
    "message.edit": SPEAKS,
    "message.open": SPEAKS,
    "room.send": SPEAKS,
    "nick.set": SPEAKS,
    "reaction.add": SPEAKS,
    # What was said once is carried anew.
    "message.retry": SPEAKS,
    # A name stands before others, with no words of its own.
    "typing.start": SIGNS,
    # Under a name that is chosen with it. Who may say nothing comes in all the same, as they were called.
    "room.join": NAMES,
    "session.start": NAMES,
    "contact.set": NAMES,
    # Nothing that anybody else reads, or less of it.
    "message.delete": SILENT,
    "reaction.remove": SILENT,
    "connection.close": SILENT,
    "connection.reopen": SILENT,
    "connection.list": SILENT,
    "connection.sync": SILENT,
    "history.page": SILENT,
    "ping": SILENT,
    "receipt.read": SILENT,
    "room.changes": SILENT,
    "room.leave": SILENT,
    "room.list": SILENT,
    "room.members": SILENT,
    "room.messages": SILENT,
    "session.end": SILENT,
}
FILTERED, CHOSEN, HIDDEN = "filtered", "one of a list", "nobody reads it"
FIELDS = {
    "message.send content": FILTERED,
    "message.open content": FILTERED,
    "message.open nick": FILTERED,
    "message.open locale": FILTERED,
    "message.open page.url": FILTERED,
    "message.open page.title": FILTERED,
    "message.open page.referrer": FILTERED,
    "message.edit content": FILTERED,
    "room.send content": FILTERED,
    "nick.set nick": FILTERED,
    "room.join nick": FILTERED,
    "session.start nick": FILTERED,
    "session.start locale": FILTERED,
    "session.start page.url": FILTERED,
    "session.start page.title": FILTERED,
    "session.start page.referrer": FILTERED,
    "contact.set name": FILTERED,
    "contact.set email": FILTERED,
    "reaction.add emoji": CHOSEN,
    "reaction.remove emoji": CHOSEN,
    "message.send proof.challenge": HIDDEN,
    "message.open proof.challenge": HIDDEN,
    "session.start inbox": HIDDEN,
    "session.start token": HIDDEN,
    "session.start identity": HIDDEN,
    "room.join room": HIDDEN,
    "room.join key": HIDDEN,
    "room.leave room": HIDDEN,
    "room.members room": HIDDEN,
    "room.messages room": HIDDEN,
    "room.changes room": HIDDEN,
    "room.send room": HIDDEN,
}
ADDRESSES = {
    "": "a page",
    "rooms/": "a page",
    "rooms/<slug:slug>/": "a page",
    "rooms/<slug:slug>/<str:key>/": "a page",
    "avatars/<uuid:participant>.png": "initials of a nick",
    "emoji": "a picture of Discord's",
    "files/": "an upload: its name is filtered",
    "files/<uuid:uid>/": "a file of a message",
    "files/<uuid:uid>/thumbnail/": "a file of a message",
}
BAD = "kettle"
ROOM_WAYS = ["message.send", "message.edit", "nick.set", "reaction.add", "typing.start"]


def _visitors_commands() -> dict[str, type[BaseModel]]:
    found = {name: entry.payload for name, entry in entries.items() if entry.is_ours}
    return found | {each.entry.name: each.entry.payload for each in operations() if each.caller != "staff"}


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in typing.get_args(annotation):
        yield from _kinds(inner)


def _texts(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kinds = list(_kinds(field.annotation))
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _texts(kind, f"{before}{name}.")
        if str in kinds:
            yield before + name


def test_every_command_of_visitors_is_known_here() -> None:
    assert set(_visitors_commands()) == set(COMMANDS)


def test_every_text_of_a_command_is_known_here() -> None:
    assert {
        f"{name} {text}" for name, payload in _visitors_commands().items() for text in _texts(payload)
    } == set(FIELDS)


def test_every_address_outside_of_the_commands_is_known_here() -> None:
    import bridge.urls

    found = {str(each.pattern) for each in bridge.urls.urlpatterns if isinstance(each, URLPattern)}
    known = {each if not each.startswith("^emoji/") else "emoji" for each in found}
    assert known == set(ADDRESSES)


class Scene:
    """A room with a visitor in it who said something, and somebody else who hears them."""

    def __init__(self, visitor: Browser, stranger: Browser, room: Connection) -> None:
        self.visitor, self.stranger, self.room = visitor, stranger, str(room.uid)

    async def begin(self) -> None:
        self.mine, self.theirs = [await self._says(each) for each in (self.visitor, self.stranger)]
        who = tokens.read(self.visitor.token or "").visitor
        self.me = await Participant.objects.aget(visitor=who, connection__uid=self.room)

    async def _says(self, each: Browser) -> str:
        await each.ok("room.join", room="lobby")
        return str((await each.write("Hello", connection=self.room))["uid"])

    def payload(self, way: str, *, own: bool = True) -> dict[str, Any]:
        mine, theirs = (self.mine, self.theirs) if own else (self.theirs, self.mine)
        return {
            "message.send": {"connection": self.room, "content": "Buy", "client_id": str(uuid.uuid4())},
            "message.edit": {"message": mine, "content": "Buy"},
            "nick.set": {"connection": self.room, "nick": f"Buy {own}"},
            "reaction.add": {"message": theirs, "emoji": "👍"},
            "typing.start": {"connection": self.room},
        }[way]

    async def nothing_happened(self) -> None:
        now = await Participant.objects.aget(pk=self.me.pk)
        assert now.nick == self.me.nick
        assert not await Message.objects.filter(content="Buy", author=now).aexists()
        assert not await Reaction.objects.filter(participant=now).aexists()


@pytest.fixture
async def scene(visitor: Browser, stranger: Browser, inbox: Inbox) -> Scene:
    scene = Scene(visitor, stranger, await sync_to_async(make_room)(inbox))
    await scene.begin()
    return scene


def test_every_way_within_a_room_is_tried() -> None:
    spoken = {name for name, way in COMMANDS.items() if way in {SPEAKS, SIGNS}}
    elsewhere = {"message.open", "room.send", "message.retry"}
    assert spoken - elsewhere == set(ROOM_WAYS)


@pytest.mark.parametrize("way", ROOM_WAYS)
async def test_who_is_muted_puts_nothing_before_others(scene: Scene, way: str) -> None:
    until = timezone.now() + timedelta(minutes=10)
    await Participant.objects.filter(pk=scene.me.pk).aupdate(muted_until=until)
    refused = await scene.visitor.ask(way, **scene.payload(way))
    assert refused["error"]["code"] == "not_permitted"
    assert "muted_until" in refused["error"]["details"]
    await scene.nothing_happened()
    await scene.stranger.ok(way, **scene.payload(way, own=False))


@pytest.mark.parametrize("way", ROOM_WAYS)
async def test_where_only_staff_write_nobody_else_puts_anything_before_others(scene: Scene, way: str) -> None:
    await Connection.objects.filter(uid=scene.room).aupdate(read_only=True)
    for each, own in ((scene.visitor, True), (scene.stranger, False)):
        assert await each.refused(way, **scene.payload(way, own=own)) == "not_permitted"
    await scene.nothing_happened()


@pytest.mark.parametrize("way", ROOM_WAYS)
async def test_slow_mode_counts_every_way_as_one(scene: Scene, way: str) -> None:
    await Connection.objects.filter(uid=scene.room).aupdate(slow_mode=60)
    await scene.visitor.write("First", connection=scene.room)
    refused = await scene.visitor.ask(way, **scene.payload(way))
    assert refused["error"]["code"] == "throttled"
    assert 0 < refused["error"]["details"]["retry_after"] <= 60
    await scene.nothing_happened()
    # And the other way round: after it nothing is said for a time. A sign alone is no word.
    await Participant.objects.filter(pk=scene.me.pk).aupdate(spoke_at=timezone.now() - timedelta(seconds=61))
    await scene.visitor.ok(way, **scene.payload(way))
    after = await scene.visitor.ask("message.send", **scene.payload("message.send"))
    assert ("error" in after) is (COMMANDS[way] == SPEAKS)


async def test_a_message_that_failed_is_not_carried_anew_for_who_is_muted(scene: Scene) -> None:
    await Participant.objects.filter(pk=scene.me.pk).aupdate(
        muted_until=timezone.now() + timedelta(minutes=1)
    )
    assert await scene.visitor.refused("message.retry", message=scene.mine) == "not_permitted"
    await scene.stranger.ok("message.retry", message=scene.theirs)


@pytest.mark.parametrize("rule", ["muted", "read-only", "slow"])
async def test_who_may_say_nothing_comes_in_again_as_they_were_called(scene: Scene, rule: str) -> None:
    await Connection.objects.filter(uid=scene.room).aupdate(slow_mode=60 if rule == "slow" else 0)
    await scene.visitor.write("Before", connection=scene.room)
    await Connection.objects.filter(uid=scene.room).aupdate(read_only=rule == "read-only")
    if rule == "muted":
        until = timezone.now() + timedelta(minutes=10)
        await Participant.objects.filter(pk=scene.me.pk).aupdate(muted_until=until)
    joined = await scene.visitor.ok("room.join", room="lobby", nick="Buy cheap")
    assert joined["you"]["name"] == scene.me.nick


async def test_a_newcomer_chooses_no_name_where_only_staff_write(scene: Scene, browser: Open) -> None:
    await Connection.objects.filter(uid=scene.room).aupdate(read_only=True)
    newcomer = browser()
    await newcomer.start()
    assert (await newcomer.ok("room.join", room="lobby", nick="Buy cheap"))["you"]["name"] != "Buy cheap"


async def test_a_room_that_was_closed_hears_no_new_names(scene: Scene) -> None:
    await Connection.objects.filter(uid=scene.room).aupdate(state=Connection.State.CLOSED)
    assert await scene.visitor.refused("nick.set", connection=scene.room, nick="Buy") == "closed"


async def test_who_comes_and_goes_again_and_again_is_told_once(scene: Scene) -> None:
    presence = Worker.current().presence
    await presence.flush()
    for _ in range(6):
        await scene.visitor.ok("room.leave", room=scene.room)
        await presence.flush()
        await scene.visitor.ok("room.join", room="lobby")
        await presence.flush()
    await scene.stranger.ok("ping")
    told = [each["event"] for each in scene.stranger.events if each["event"].startswith("participant.")]
    assert told.count("participant.left") == 1
    # Both came at first.
    assert told.count("participant.joined") <= 3


# ------------------------------------------------------------------- filtered


@pytest.fixture
async def filtering(inbox: Inbox) -> Inbox:
    inbox.blocked_words, inbox.links = BAD, Inbox.Links.REFUSE
    await inbox.asave()
    return inbox


HIDDEN_WORD = "ke\u034ft\ufe0ftl\u0435"


async def test_no_text_with_a_conversation_says_what_may_not_be_said(filtering: Inbox, browser: Open) -> None:
    visitor = browser()
    page = {
        "url": f"https://x.example/?q={BAD}",
        "title": HIDDEN_WORD,
        "referrer": "https://x.example/%6bettle",
    }
    started = await visitor.start(nick="Mr k\u0435ttle", locale=BAD, page=page)
    assert not {"mr", "kettle"} & set(started["nick"].casefold().split())
    await visitor.write("Hello")
    row = await Connection.objects.aget(kind="private")
    assert [row.page_url, row.page_title, row.referrer, row.locale] == [""] * 4
    # What is fit stays, though an address is a link.
    other = browser()
    await other.start(locale="de", page={"url": "https://x.example/a", "title": "Shop", "referrer": ""})
    await other.write("Hello")
    row = await Connection.objects.order_by("-pk").afirst()
    assert row
    assert [row.page_url, row.page_title, row.locale] == ["https://x.example/a", "Shop", "de"]


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        ("message.send", {"content": HIDDEN_WORD, "client_id": str(uuid.uuid4())}),
        ("nick.set", {"nick": "k\u0435t\u200dtle"}),
        ("contact.set", {"name": f"Ms {BAD}"}),
        ("contact.set", {"name": "https://x.zip"}),
        ("contact.set", {"email": f"{BAD}@example.com"}),
    ],
)
async def test_no_command_takes_what_may_not_be_said(
    filtering: Inbox, browser: Open, command: str, payload: dict[str, Any]
) -> None:
    visitor = browser()
    await visitor.start()
    refused = await visitor.ask(command, **payload)
    assert refused["error"]["code"] == "not_permitted"
    assert refused["error"]["details"]["filter"] in {"words", "links"}
    assert not await Contact.objects.aexists()
    await visitor.ok("contact.set", name="Ada", email="ada@www.example.com")


@pytest.mark.parametrize("name", [f"{BAD}.txt", f"my_{BAD}_1.txt", f"{HIDDEN_WORD}.txt", "www.x.example.txt"])
async def test_no_file_is_called_what_may_not_be_said(
    filtering: Inbox, browser: Open, settings: Any, tmp_path: Any, name: str
) -> None:
    from urllib.parse import quote

    settings.MEDIA_ROOT = tmp_path
    visitor = browser()
    await visitor.start()
    address = reverse("bridge:files")
    answer = await http("POST", f"{address}?name={quote(name)}", body=b"text", token=visitor.token)
    assert (answer.status, answer.json["error"]["code"]) == (403, "not_permitted")
    assert not await Attachment.objects.aexists()
    assert (await http("POST", f"{address}?name=a.txt", body=b"text", token=visitor.token)).status == 201


async def test_who_is_muted_in_private_changes_neither_name_nor_card(
    visitor: Browser, stranger: Browser
) -> None:
    message = await visitor.write("Spam")
    until = timezone.now() + timedelta(minutes=10)
    who = tokens.read(visitor.token or "").visitor
    await Participant.objects.filter(visitor=who).aupdate(muted_until=until)
    await Worker.current().look_at_moderation()
    for command, payload in (
        ("nick.set", {"nick": "Buy", "connection": visitor.connection}),
        ("nick.set", {"nick": "Buy"}),
        ("contact.set", {"name": "Buy"}),
        ("typing.start", {"connection": visitor.connection}),
        ("reaction.add", {"message": message["uid"], "emoji": "👍"}),
        ("message.retry", {"message": message["uid"]}),
    ):
        assert await visitor.refused(command, **payload) == "not_permitted", command
    assert not await Contact.objects.aexists()
    await stranger.ok("contact.set", name="Eve")
