"""The card that opens a thread: all of it may be made up by a visitor."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.models import Connection, Contact, Endpoint
from bridge.services.discord_card import browser, card_embed, card_text, thread_name
from bridge.text.characters import hides_something

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
    assert "@everyone" not in shown
    assert not re.search(r"<(@|#|:|t:|/)\S*[^\\]>", shown)
    assert "://" not in shown
    assert not set(shown) & {"\u202e", "\u200f", "\n"}


@given(HARMFUL, HARMFUL)
def test_no_name_or_address_can_format_mention_or_link(name: str, email: str) -> None:
    contact = Contact(name=name, email=email, subject=name, issuer=Contact.Issuer.JWT)
    shown = {field.name: field.value or "" for field in card_embed(endpoint(), contact=contact).fields}
    for text in shown.values():
        assert not MARKS.search(text)
        assert "@everyone" not in text
        assert "://" not in text


def test_the_card_says_who_he_is_and_marks_what_his_site_says() -> None:
    contact = Contact(name="Ada", email="ada@example.com", email_verified=True, subject="u-17", issuer="jwt")
    shown = {field.name: field.value for field in card_embed(endpoint(), contact=contact).fields}
    assert shown["Name"] == "Ada"
    assert shown["Email"] == "ada@\u200bexample.com ✓"
    assert shown["Known as"] == "u-17 ✓"
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
    assert fields(of)["Goes on from"] == "<#1180000000000000001>, which was deleted"


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
