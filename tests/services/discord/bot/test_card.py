"""The card that opens a thread: all of it may be made up by a visitor."""

import re
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.identity.contacts import set_contact
from bridge.models import Connection, Contact, Endpoint, Inbox
from bridge.sandbox import defaults
from bridge.services.discord.card import browser, card_embed, card_text, thread_name
from bridge.services.discord.shown import cards_behind, outdated_card
from bridge.text.characters import hides_something
from tests.services.discord.bot.stage import STRANGER, VISITOR, Stage, db, eventually

HARMFUL = st.text(
    alphabet=st.sampled_from("@<>[]()*_~|`#\\ !&:/ahtpsevryoneu1\u202e\u200f\n.😀"), max_size=60
)
MARKS = re.compile(r"(?<!\\)(?:\\\\)*([*_~|`>\[\]()<#])")


def endpoint(predecessor: str = "", **fields: Any) -> Endpoint:
    return Endpoint(connection=Connection(pk=1, **fields), predecessor_id=predecessor)


def fields(of: Endpoint) -> dict[str, str]:
    return {field.name or "": field.value or "" for field in card_embed(of).fields}


@given(HARMFUL)
def test_no_nick_can_format_mention_or_link(nick: str) -> None:
    text = card_text(endpoint(nick=nick))
    shown = text.removeprefix("New conversation with **").rsplit("** · ", 1)[0]
    assert not MARKS.search(shown)
    assert not re.search(r"<(@|#|:|t:|/)\S*[^\\]>", shown)
    assert not re.search(r"(?<!\\)://", shown)
    assert not set(shown) & {"\u202e", "\u200f", "\n"}


@given(HARMFUL, HARMFUL)
def test_no_name_or_address_can_format_mention_or_link(name: str, email: str) -> None:
    contact = Contact(name=name, email=email, subject=name, issuer=Contact.Issuer.JWT)
    shown = {field.name: field.value or "" for field in card_embed(endpoint(), contact=contact).fields}
    for text in shown.values():
        assert not MARKS.search(text)
        assert not re.search(r"(?<!\\)://", text)


def test_the_card_says_who_he_is_and_marks_what_his_site_says() -> None:
    contact = Contact(name="Ada", email="ada@example.com", email_verified=True, subject="u-17", issuer="jwt")
    shown = {field.name: field.value for field in card_embed(endpoint(), contact=contact).fields}
    assert shown["Name"] == "Ada"
    assert shown["Email"] == "ada@example.com ✓"
    assert shown["Identified as"] == "u-17 ✓"
    assert "Name" not in fields(endpoint())


@given(HARMFUL, HARMFUL)
def test_no_page_can_format_mention_or_link(title: str, path: str) -> None:
    of = endpoint(page_title=title, page_url=f"https://example.com/{path}", referrer=path)
    page = fields(of).get("Page", "")
    # The title's own backticks are escaped; the address stands between two that are not.
    shown, address = page[:-1].rsplit("`", 1)
    assert page.endswith("`")
    assert address.startswith("https://example.com/")
    assert not MARKS.search(shown)


@given(st.text(max_size=32), st.uuids())
def test_a_threads_name_fits_and_ends_in_the_code(nick: str, uid: Any) -> None:
    connection = Connection(nick=nick, uid=uid)
    name = thread_name(connection)
    assert 1 <= len(name) <= 100
    assert not hides_something(name)
    assert name.endswith(connection.code)
    assert card_text(Endpoint(connection=connection)).endswith(connection.code)


def test_the_longest_of_everything_fits(settings: Any) -> None:
    settings.SITE_URL = "https://chat.example.com"
    of = endpoint(
        "1180000000000000001",
        nick="@" * 32,
        page_title="*" * 200,
        page_url="https://example.com/" + "x" * 980,
        referrer="https://example.com/" + "x" * 980,
        locale="<" * 35,
        user_agent="Chrome/1 Safari/1 Mac OS X",
    )
    embed = card_embed(of)
    assert all(len(field.value or "") <= 1024 for field in embed.fields)
    assert len(embed) <= 6000
    assert fields(of)["Replaces"] == "<#1180000000000000001>, which was deleted"


def test_an_address_that_is_none_is_not_shown(settings: Any) -> None:
    settings.SITE_URL = ""
    assert fields(endpoint(page_url="javascript:alert(1)", referrer="data:text/html,x")) == {}


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/120 Safari/537 Edg/120", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17 Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/120 Mobile Safari/537", "Chrome on Android"),
        ("curl/8", ""),
        ("", ""),
    ],
)
def test_the_browser_is_named_from_its_user_agent(user_agent: str, name: str) -> None:
    assert browser(user_agent) == name


# --------------------------------------------------------- what is left later


async def card_of(stage: Stage, visitor: uuid.UUID = VISITOR) -> dict[str, str]:
    """The fields of the card that staff see now."""
    thread = await stage.thread(visitor)
    channels = [str(defaults.SUPPORT_CHANNEL_ID), thread]
    said = [each for channel in channels for each in stage.world.messages.timeline(int(channel)).values()]
    (card,) = [each for each in said if str(each.id) == thread]
    return {field["name"]: field["value"] for embed in card.embeds for field in embed.get("fields", ())}


async def leave(visitor: uuid.UUID = VISITOR, **said: str) -> None:
    known = {"name": None, "email": None} | said
    await db(lambda: set_contact(Inbox.objects.get(name="default").pk, visitor, **known))


@pytest.mark.parametrize("channel", [defaults.SUPPORT_CHANNEL_ID, defaults.FORUM_CHANNEL_ID])
async def test_a_name_and_an_address_that_are_left_later_appear_on_the_card(up: Stage, channel: int) -> None:
    await up.change_inbox(discord_channel_id=channel)
    await up.converse("Hello")
    await up.converse("Me too", visitor=STRANGER)
    assert "Email" not in await card_of(up)
    await leave(name="Ada", email="ada@example.com")

    async def shown() -> bool:
        card = await card_of(up)
        return card.get("Name") == "Ada" and card.get("Email") == "ada@example.com"

    await eventually(shown)
    assert "Email" not in await card_of(up, STRANGER)


async def test_what_was_left_while_the_bot_was_away_appears_when_it_is_back(up: Stage) -> None:
    await up.converse("Hello")
    await up.stop()
    await leave(email="ada@example.com")
    await up.start()

    async def shown() -> bool:
        return (await card_of(up)).get("Email") == "ada@example.com"

    await eventually(shown)

    async def noted() -> bool:
        return await db(cards_behind) == []

    await eventually(noted)


async def test_a_card_that_says_it_all_is_not_asked_for(up: Stage) -> None:
    await leave(email="ada@example.com")
    await up.converse("Hello")
    assert (await card_of(up))["Email"] == "ada@example.com"
    assert await db(cards_behind) == []
    uid = (await up.endpoint()).connection.uid
    assert await db(outdated_card, str(uid)) is None
