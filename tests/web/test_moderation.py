"""Who was muted or blocked, and what nobody may write here; the stranger writes on all the same."""

import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.urls import reverse
from django.utils import timezone

from bridge.chat.actions import moderating
from bridge.identity import tokens
from bridge.live import worker
from bridge.live.worker import Worker
from bridge.models import Attachment, Block, Inbox, Message, Participant
from bridge.protocol import CLOSE_FORBIDDEN
from bridge.text.filtering import compiled
from tests.text.ignorable import ignorable
from tests.web.browser import Browser
from tests.web.conftest import Open
from tests.web.files import http
from tests.web.test_rooms import make_room

mute = sync_to_async(moderating.mute)
block = sync_to_async(moderating.block)
unblock = sync_to_async(moderating.unblock)


async def _participant(browser: Browser) -> Participant:
    who = tokens.read(browser.token or "").visitor
    found = Participant.objects.select_related("connection__inbox").filter(visitor=who)
    return await found.alatest("pk")


async def _known() -> None:
    """What was just forbidden is known here, as it is at the latest after a beat."""
    await Worker.current().look_at_moderation()


# --------------------------------------------------------------------- muted


async def test_who_is_muted_is_told_until_when_and_the_stranger_is_not(
    visitor: Browser, stranger: Browser
) -> None:
    await visitor.write("Spam")
    until = timezone.now() + timedelta(minutes=10)
    await mute(await _participant(visitor), until=until)
    await _known()
    for payload in ({"connection": visitor.connection}, {}):
        reply = await visitor.ask("message.send", content="More", client_id=str(uuid.uuid4()), **payload)
        assert reply["error"]["code"] == "not_permitted"
        assert reply["error"]["details"]["muted_until"][:16] == until.isoformat()[:16]
    await stranger.write("I may")
    assert await Message.objects.acount() == 2


async def test_a_mute_holds_for_edits_and_for_a_new_conversation(visitor: Browser) -> None:
    message = await visitor.write("Spam")
    await mute(await _participant(visitor), until=timezone.now() + timedelta(minutes=10))
    await _known()
    assert await visitor.refused("message.edit", message=message["uid"], content="Worse") == "not_permitted"
    await visitor.ok("connection.close", connection=visitor.connection)
    assert (
        await visitor.refused("message.send", content="Again", client_id=str(uuid.uuid4())) == "not_permitted"
    )


async def test_a_mute_ends_by_itself_or_by_staff(visitor: Browser) -> None:
    await visitor.write("Spam")
    me = await _participant(visitor)
    await mute(me, until=timezone.now() + timedelta(seconds=0.3))
    await _known()
    await sync_to_async(time.sleep)(0.35)
    await visitor.write("Sorry")
    await mute(me, until=timezone.now() + timedelta(minutes=10))
    await mute(me, until=None)
    await _known()
    await visitor.write("Thanks")


async def test_a_mute_in_a_room_is_for_that_room_alone(
    visitor: Browser, stranger: Browser, inbox: Inbox
) -> None:
    lobby = await sync_to_async(make_room)(inbox)
    attic = await sync_to_async(make_room)(inbox, slug="attic")
    for each in (visitor, stranger):
        await each.ok("room.join", room="lobby")
        await each.ok("room.join", room="attic")
    who = tokens.read(visitor.token or "").visitor
    me = await Participant.objects.select_related("connection").aget(connection=lobby, visitor=who)
    await mute(me, until=timezone.now() + timedelta(minutes=10))
    await _known()
    refusal = await visitor.ask(
        "message.send", connection=str(lobby.uid), content="Spam", client_id=str(uuid.uuid4())
    )
    assert refusal["error"]["code"] == "not_permitted"
    assert "muted_until" in refusal["error"]["details"]
    await visitor.write("Fine here", connection=str(attic.uid))
    await visitor.write("And in private")
    await stranger.write("Me too", connection=str(lobby.uid))


# ------------------------------------------------------------------- blocked


async def test_who_is_blocked_is_told_and_all_his_tabs_are_closed(
    browser: Open, visitor: Browser, stranger: Browser, inbox: Inbox
) -> None:
    await visitor.write("Spam")
    tab = browser(token=visitor.token)
    await tab.start()
    await block(inbox, tokens.read(visitor.token or "").visitor)
    for each in (visitor, tab):
        frame = await _refusal(each)
        assert (frame["reply"], frame["error"]["code"]) == (None, "blocked")
        assert await each.closed() == CLOSE_FORBIDDEN
    await stranger.write("I stay")


async def _refusal(browser: Browser) -> dict[str, Any]:
    while "error" not in (frame := await browser.receive()):
        pass
    return frame


async def test_he_cannot_come_back_with_a_new_tab(browser: Open, visitor: Browser, inbox: Inbox) -> None:
    await visitor.write("Spam")
    token = visitor.token or ""
    await block(inbox, tokens.read(token).visitor)
    await visitor.closed()
    fresh = tokens.issue().text
    for tab, payload in (
        (browser(token=token), {"token": token}),
        (browser(cookie=token), {}),
        # A page that forgot who it was, in the same browser.
        (browser(cookie=token), {"token": fresh}),
    ):
        await tab.open()
        assert await tab.refused("session.start", **payload) == "blocked"
        assert await tab.closed() == CLOSE_FORBIDDEN
    # Without his cookie nobody knows him: that is beyond us.
    await browser(cookie=fresh).start()


async def test_he_uploads_nothing_either(
    visitor: Browser, stranger: Browser, inbox: Inbox, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    await block(inbox, tokens.read(visitor.token or "").visitor)
    address = f"{reverse('bridge:files')}?name=a.txt"
    answer = await http("POST", address, body=b"spam", token=visitor.token)
    assert (answer.status, answer.json["error"]["code"]) == (403, "blocked")
    assert not await Attachment.objects.aexists()
    assert (await http("POST", address, body=b"text", token=stranger.token)).status == 201


async def test_a_block_is_for_one_inbox_and_as_long_as_it_says(browser: Open, inbox: Inbox) -> None:
    await Inbox.objects.acreate(name="sales")
    token = tokens.issue().text
    who = tokens.read(token).visitor
    await block(inbox, who)
    await browser(token=token).start(inbox="sales")
    assert await _is_refused(browser(token=token))
    await block(inbox, who, until=timezone.now() - timedelta(seconds=1))
    await browser(token=token).start()
    await block(inbox, who)
    assert await _is_refused(browser(token=token))
    assert await unblock(inbox, who)
    await browser(token=token).start()
    assert not await unblock(inbox, who)
    assert await Block.objects.acount() == 0


async def _is_refused(tab: Browser) -> bool:
    await tab.open()
    return await tab.refused("session.start", token=tab.token) == "blocked"


async def test_a_block_is_noticed_even_if_its_nudge_was_lost(
    browser: Open, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BEAT", 0.1)
    visitor = browser()
    await visitor.start()
    await visitor.write("Spam")
    await Block.objects.acreate(inbox=inbox, visitor=tokens.read(visitor.token or "").visitor)
    assert await visitor.closed() == CLOSE_FORBIDDEN


async def test_what_a_blocked_visitor_sends_before_he_is_closed_is_not_stored(
    visitor: Browser, inbox: Inbox
) -> None:
    process = Worker.current()
    process.moderation._blocked = frozenset({(inbox.pk, tokens.read(visitor.token or "").visitor)})
    assert await visitor.refused("message.send", content="Quick", client_id=str(uuid.uuid4())) == "blocked"
    assert await visitor.closed() == CLOSE_FORBIDDEN
    assert await Message.objects.acount() == 0


# ------------------------------------------------------------- words and links


async def test_words_and_links_are_refused_with_a_sentence_in_messages_edits_and_nicks(
    browser: Open, inbox: Inbox
) -> None:
    inbox.blocked_words, inbox.links = "badword\nvery rude thing", Inbox.Links.REFUSE
    await inbox.asave()
    visitor = browser()
    started = await visitor.start(nick="Mr BADWORD")
    # Not "bad": a visitor may well be a Sunny Badger.
    assert not {"mr", "badword"} & set(started["nick"].casefold().split())
    assert "badword" not in started["nick"].casefold()
    message = await visitor.write("Good words")
    for content, refused_for in (
        ("You ＢＡＤword!", "words"),
        ("a Very\n rude   thing", "words"),
        ("bad\u200bword", "words"),
        ("see https://example.com", "links"),
    ):
        sending = {"content": content, "client_id": str(uuid.uuid4())}
        for reply in (
            await visitor.ask("message.send", **sending),
            await visitor.ask("message.edit", message=message["uid"], content=content),
        ):
            assert (reply["error"]["code"], reply["error"]["details"]["filter"]) == (
                "not_permitted",
                refused_for,
            )
            assert "not allowed here" in reply["error"]["message"]
    assert await visitor.refused("nick.set", nick="badword", connection=visitor.connection) == "not_permitted"
    await visitor.write("A badwordish thing is another word")
    assert await Message.objects.acount() == 2


async def test_a_changed_filter_holds_for_who_is_here_already(visitor: Browser, inbox: Inbox) -> None:
    await visitor.write("kettle")
    inbox.blocked_words = "kettle"
    await inbox.asave()
    await _known()
    assert (
        await visitor.refused("message.send", content="Kettle", client_id=str(uuid.uuid4()))
        == "not_permitted"
    )


LINKS = [
    "https://example.com",
    "HTTP://EXAMPLE.COM",
    "www.example.org",
    "discord.gg/abc",
    "go to example.com now",
    "example.co/path",
    "sub.example.museum/path",
    "(example.net)",
    "https：//example.com",
    ".https://x.zip",
    "日https://x.zip",
    "日discord.gg/abc",
    "[x](\ufeffhttps://evil.zip)",
    "[x](https://evil.zip)",
    "<https://x.zip>",
    "||https://x.zip||",
    "*https*://x.zip",
    "a_https://x.zip",
    "https:\\\\x.zip",
    "日example.com",
    "example.comです",
    "हिंदी.com",
    "see...example.com",
    "me@x.com example.com",
    "日www.x.zip",
    "discord.com/invite/abc",
    "discord\u034f.gg/abc",
    "ℎttps://x.zip",
]
NO_LINKS = [
    "e.g. this",
    "readme.md",
    "1.5.2",
    "me@example.com",
    "a...b",
    "Hello.How are you",
    "3.14",
    "x://",
    "ok.",
    "awww...so",
    "你好。com",
    "@.com.",
    "\u200b",
]
WORDS = "badword\nvery rude thing\nхуй\n傻瓜\nf**k\n.net"
FORBIDDEN = [
    "BADWORD",
    "b**ad**word",
    "_badword_",
    "my_badword_1.pdf",
    "bad\\word",
    "||bad||word",
    "very  RUDE\nthing",
    "ХУЙ",
    "xуй",
    "b\u0430dword",
    "你是傻瓜吗",
    "日badword",
    "f**k",
    "b\u0336a\u0336d\u0336word",
    "ＢＡＤword",
    "𝓫𝓪𝓭𝔀𝓸𝓻𝓭",
    "say (badword)!",
    "a .net b",
]
ALLOWED = ["badwordish", "abadword", "bad word", "rude thing", "año", "fork", "傻", ""]


@pytest.mark.parametrize("text", LINKS)
def test_a_link_is_known_as_one(text: str) -> None:
    assert compiled("", refuse_links=True).refusal(text) == "links"
    assert compiled("", refuse_links=False).refusal(text) == ""


@pytest.mark.parametrize("text", FORBIDDEN)
def test_a_word_is_known_however_it_is_written(text: str) -> None:
    assert compiled(WORDS, refuse_links=False).refusal(text) == "words"


@pytest.mark.parametrize("text", ALLOWED)
def test_other_words_are_let_through(text: str) -> None:
    assert compiled(WORDS, refuse_links=False).refusal(text) == ""


@pytest.mark.parametrize("text", ["badword", "https://x.zip", "discord.gg/abc", "see example.com", "傻瓜"])
def test_no_character_that_nobody_sees_makes_a_difference_anywhere(text: str) -> None:
    filter_ = compiled(WORDS, refuse_links=True)
    refusal = filter_.refusal(text)
    assert refusal
    # Each at one place, all places in turn; the thousands of reserved ones would be the same again.
    for number, char in enumerate(ignorable()):
        at = number % (len(text) + 1)
        assert filter_.refusal(text[:at] + char + text[at:]) == refusal, ascii(char)
        assert filter_.refusal(char.join(text)) == refusal, ascii(char)


@pytest.mark.parametrize(
    "before",
    [
        "",
        " ",
        ".",
        "日",
        "…",
        "(",
        "](",
        "](\ufeff",
        "<",
        "a ",
        "é",
        "\u0e01",
        "_",
        "*",
        "-",
        "@ ",
        "🦊",
        '"',
    ],
)
@pytest.mark.parametrize(
    "link", ["https://x.zip", "http://x.example/a", "discord.gg/abc", "www.x.example", "discord.com/invite/a"]
)
def test_a_link_is_one_whatever_stands_before_it(before: str, link: str) -> None:
    assert compiled("", refuse_links=True).refusal(before + link) == "links"


@pytest.mark.parametrize("text", NO_LINKS)
def test_what_is_no_link_is_let_through(text: str) -> None:
    assert compiled("", refuse_links=True).refusal(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "é" * 4000,
        "a\u0301\u0336" * 1300,
        "@a.b" * 1000,
        "..a" * 1300,
        "日" * 4000,
        "https:" * 600,
        "a." * 2000,
        "a" * 4000,
        "aaaa-" * 800,
        "://" * 1300,
        "www." * 1000,
        "a b " * 1000,
        "very " * 800,
    ],
)
def test_no_message_makes_the_filter_slow(text: str) -> None:
    words = "\n".join(f"word{number}" for number in range(2000)) + "\nvery very rude\na b c"
    filter_ = compiled(words, refuse_links=True)

    def cost(text: str) -> float:
        spent = []
        for _ in range(5):
            began = time.thread_time()
            filter_.refusal(text)
            spent.append(time.thread_time() - began)
        return min(spent)

    # A hundred times the cost where it grows with the square.
    assert cost(text) < 50 * max(cost(text[: len(text) // 10]), 1e-4)


def test_a_filter_is_compiled_once() -> None:
    assert compiled("a\nb", refuse_links=True) is compiled("a\nb", refuse_links=True)
    assert compiled("", refuse_links=False).words is None
