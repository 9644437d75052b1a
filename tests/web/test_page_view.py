"""The page's view: which chat it shows, and the cookie by which its visitor is known."""

import pytest
from django.http import HttpResponse
from django.test import Client

from bridge.identity import tokens
from bridge.models import Inbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor() -> Client:
    return Client()


@pytest.fixture
def stranger() -> Client:
    return Client()


def token(browser: Client) -> str:
    return browser.cookies[tokens.COOKIE_NAME].value


def test_the_default_inbox_is_shown_with_its_words(visitor: Client) -> None:
    Inbox.objects.filter(name="default").update(title="Ask <us>", greeting="Hi & welcome")
    page = visitor.get("/").content.decode()
    assert "<title>Ask &lt;us&gt;</title>" in page
    assert "Hi &amp; welcome" in page
    assert 'data-inbox="default"' in page


def test_another_inbox_is_shown_by_its_name(visitor: Client) -> None:
    Inbox.objects.create(name="sales", title="Sales")
    assert 'data-inbox="sales"' in visitor.get("/?inbox=sales").content.decode()


@pytest.mark.parametrize("name", ["nowhere", "switched-off", "", "a\x00b"])
def test_a_chat_that_is_not_there_is_a_404_without_a_cookie(visitor: Client, name: str) -> None:
    Inbox.objects.create(name="switched-off", enabled=False)
    response = visitor.get("/", {"inbox": name})
    assert response.status_code == 404
    assert not response.cookies
    assert "There is no chat here" in response.content.decode()


def test_a_visitor_keeps_his_token_and_its_cookie_starts_again(visitor: Client) -> None:
    visitor.get("/")
    first = token(visitor)
    tokens.read(first)
    again = visitor.get("/")
    assert token(visitor) == first
    # Four hundred days are as long as a browser keeps one.
    assert again.cookies[tokens.COOKIE_NAME]["max-age"] == 400 * 24 * 60 * 60


def test_a_forged_or_altered_token_is_replaced(visitor: Client, stranger: Client) -> None:
    visitor.get("/")
    own = token(visitor)
    for forged in ("", "nonsense", own + "x", own[::-1], own.split(":")[0]):
        stranger.cookies[tokens.COOKIE_NAME] = forged
        stranger.get("/")
        assert token(stranger) not in (forged, own)
        tokens.read(token(stranger))


@pytest.mark.parametrize("secure", [True, False], ids=["https", "http"])
def test_no_script_can_read_the_cookie_and_https_keeps_it_to_https(visitor: Client, *, secure: bool) -> None:
    name = tokens.SECURE_COOKIE_NAME if secure else tokens.COOKIE_NAME
    cookie = visitor.get("/", secure=secure).cookies[name]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert bool(cookie["secure"]) is secure


def test_no_cache_hands_one_visitors_page_to_another(visitor: Client) -> None:
    assert "private" in visitor.get("/")["Cache-Control"]


def test_nothing_in_the_page_is_inline(visitor: Client) -> None:
    response: HttpResponse = visitor.get("/")
    page = response.content.decode()
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert page.count("<script") == page.count('<script type="module" src=')
    assert " style=" not in page
    assert "<style" not in page


def test_only_reading_is_allowed(visitor: Client) -> None:
    assert visitor.post("/").status_code == 405
