"""What a proxy in front says of address and scheme, as TRUSTED_PROXIES has it on each server; and cookies."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from daphne import http_protocol, ws_protocol
from django.test import Client, RequestFactory
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from bridge.identity import handshake, origins, tokens
from bridge.identity.origins import OriginRefused
from bridge.infra import notices
from bridge.models import Inbox
from chatbridge_site import servers

HOST = (b"host", b"chat.example.com")


@pytest.fixture(autouse=True)
def _host(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["chat.example.com", "testserver"]
    notices.forget()


def arrive(
    *headers: tuple[str, str], scheme: str = "ws", client: Any = ("127.0.0.1", 5)
) -> handshake.Handshake:
    sent = [HOST, *((name.encode(), value.encode("latin-1")) for name, value in headers)]
    return handshake.read_handshake({"scheme": scheme, "headers": sent, "client": client})


@pytest.mark.parametrize(
    ("origin", "scheme", "proxies", "forwarded", "redirect", "ours"),
    [
        ("https://chat.example.com", "wss", 0, None, False, True),
        ("http://chat.example.com", "wss", 0, None, False, False),
        ("http://chat.example.com", "https", 0, None, False, False),
        ("HTTP://CHAT.EXAMPLE.COM", "https", 0, None, False, False),
        ("http://chat.example.com:443", "https", 0, None, False, False),
        # Nobody can tell what is in front.
        ("http://chat.example.com", "ws", 0, None, False, True),
        ("https://chat.example.com", "ws", 0, None, False, True),
        # Only who is believed says so.
        ("http://chat.example.com", "ws", 0, "https", False, True),
        ("http://chat.example.com", "ws", 1, "https", False, False),
        ("https://chat.example.com", "ws", 1, "https", False, True),
        ("https://chat.example.com", "ws", 1, "https, http", False, True),
        ("https://chat.example.com", "ws", 1, "http", False, False),
        ("http://chat.example.com", "ws", 1, "http", False, True),
        ("http://chat.example.com", "http", 1, None, False, True),
        # A site that sends everybody to HTTPS is one over HTTPS.
        ("http://chat.example.com", "ws", 0, None, True, False),
        ("https://chat.example.com", "ws", 0, None, True, True),
        ("https://evil.example", "wss", 0, None, False, False),
    ],
)
def test_the_own_host_under_another_scheme_is_another_site(
    settings: Any, origin: str, scheme: str, proxies: int, forwarded: str | None, redirect: bool, ours: bool
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if proxies else None
    settings.SECURE_SSL_REDIRECT = redirect
    cookies = f"{tokens.COOKIE_NAME}={tokens.issue().text}; {settings.SESSION_COOKIE_NAME}=abc"
    headers = [("origin", origin), ("cookie", cookies)]
    headers += [("x-forwarded-proto", forwarded)] if forwarded else []
    found = arrive(*headers, scheme=scheme)
    assert (found.origin == "") == ours
    # Another site's page never speaks with our cookies.
    assert (found.cookie is not None, found.login is not None) == (ours, ours)


def test_the_cause_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            arrive(("origin", "http://chat.example.com"), scheme="wss")
    assert len(caplog.records) == 1
    assert "X-Forwarded-Proto" in caplog.text
    assert "http://chat.example.com" in caplog.text


@pytest.mark.parametrize(
    ("site", "origin", "host", "ours", "doubt"),
    [
        ("", "http://chat.example.com:8080", "chat.example.com", False, "port"),
        ("", "https://chat.example.com:8443", "chat.example.com", False, "port"),
        ("", "http://chat.example.com", "chat.example.com:8080", False, "port"),
        ("", "http://[::1]:8080", "[::1]", False, "port"),
        ("", "http://chat.example.com:8080", "chat.example.com:8080", True, ""),
        ("", "http://evil.example:8080", "chat.example.com", False, ""),
        # What the site says of itself holds, whatever Host a proxy passes on; to the letter.
        ("http://chat.example.com:8080", "http://chat.example.com:8080", "chat.example.com", True, ""),
        ("https://chat.example.com", "https://chat.example.com", "testserver", True, ""),
        ("https://chat.example.com:443/support", "https://chat.example.com", "testserver", True, ""),
        ("https://Chat.Example.com", "https://chat.example.com", "testserver", True, ""),
        ("https://chat.example.com", "http://chat.example.com", "testserver", False, ""),
        ("https://chat.example.com", "https://chat.example.com:8443", "testserver", False, ""),
        ("https://chat.example.com", "https://evil.example", "testserver", False, ""),
        ("https://chat.example.com", "https://chat.example.com.evil.example", "testserver", False, ""),
    ],
)
def test_a_page_on_another_port_is_another_site_unless_the_site_says_that_it_is_there(
    settings: Any, caplog: pytest.LogCaptureFixture, site: str, origin: str, host: str, ours: bool, doubt: str
) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = site, ["chat.example.com", "testserver", "[::1]"]
    headers = [
        (b"host", host.encode()),
        (b"origin", origin.encode()),
        (b"cookie", f"{settings.SESSION_COOKIE_NAME}=abc".encode()),
    ]
    for _ in range(2):
        found = handshake.read_handshake({"scheme": "ws", "headers": headers, "client": ("127.0.0.1", 5)})
        assert (found.origin == "", found.login == "abc") == (ours, ours)
        assert found.doubt == doubt
    assert len(caplog.records) == (1 if doubt else 0)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "told"),
    [
        (0, "203.0.113.9", "TRUSTED_PROXIES is 0"),
        (2, "203.0.113.9", "TRUSTED_PROXIES is 2, but X-Forwarded-For has 1"),
        (1, "", "TRUSTED_PROXIES is 1, but X-Forwarded-For has 0"),
        (0, "", ""),
        (1, "203.0.113.9", ""),
        (2, "198.51.100.1, 203.0.113.9", ""),
    ],
)
def test_a_wrong_number_of_proxies_is_logged_once(
    settings: Any, caplog: pytest.LogCaptureFixture, proxies: int, forwarded: str, told: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    for _ in range(3):
        arrive(("x-forwarded-for", forwarded))
    assert [told in each.getMessage() for each in caplog.records] == ([True] if told else [])


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counted"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, ", ,", "127.0.0.1"),
    ],
)
def test_the_address_is_counted_from_the_right_for_sockets_and_pages(
    settings: Any, proxies: int, forwarded: str, counted: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    assert arrive(("x-forwarded-for", forwarded)).address == counted
    request = RequestFactory().get("/", headers={"X-Forwarded-For": forwarded})
    assert handshake.address_of(request) == counted


def test_a_page_over_a_unix_socket_has_no_address() -> None:
    assert handshake.address_of(RequestFactory().get("/", REMOTE_ADDR="")) is None


async def test_no_server_believes_a_proxy_by_itself() -> None:
    servers.tame()
    seen = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(scope))

    headers = [HOST, (b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "scheme": "http", "client": ("127.0.0.1", 5), "headers": headers}
    await ProxyHeadersMiddleware(application, trusted_hosts="*")(dict(scope), None, None)  # type: ignore[arg-type]
    assert seen == [scope]
    names = {b"X-Forwarded-For": [b"6.6.6.6"], b"X-Forwarded-Proto": [b"https"]}
    asked = ("X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto", ["127.0.0.1", 5])
    for protocol in (http_protocol, ws_protocol):
        assert protocol.parse_x_forwarded_for(names, *asked, "http") == (["127.0.0.1", 5], "http")
        assert protocol.parse_x_forwarded_for(names, *asked) == (["127.0.0.1", 5], None)


@pytest.mark.django_db
class TestCookies:
    """Of the visitor, over HTTPS: from this very host alone."""

    @pytest.fixture(autouse=True)
    def _inbox(self, db: None) -> None:
        Inbox.objects.get_or_create(name="default")

    def test_over_https_the_cookie_is_this_hosts_alone(self) -> None:
        client = Client()
        cookie = client.get("/", secure=True).cookies[tokens.SECURE_COOKIE_NAME]
        assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "", "Lax")
        assert cookie["secure"]
        assert cookie["httponly"]
        assert tokens.COOKIE_NAME not in client.cookies

    def test_also_below_a_path(self) -> None:
        cookie = Client(SCRIPT_NAME="/support").get("/", secure=True).cookies[tokens.SECURE_COOKIE_NAME]
        assert cookie["path"] == "/"

    def test_in_clear_it_is_the_plain_one_since_browsers_take_no_other(self) -> None:
        cookies = Client().get("/").cookies
        assert tokens.SECURE_COOKIE_NAME not in cookies
        assert not cookies[tokens.COOKIE_NAME]["secure"]

    def test_a_cookie_from_before_is_the_same_visitor_and_is_replaced(self) -> None:
        client, before = Client(), tokens.issue()
        client.cookies[tokens.COOKIE_NAME] = before.text
        answered = client.get("/", secure=True).cookies
        assert tokens.read(answered[tokens.SECURE_COOKIE_NAME].value).visitor == before.visitor
        assert answered[tokens.COOKIE_NAME]["max-age"] == 0

    def test_another_host_of_the_domain_cannot_say_who_the_visitor_is(self) -> None:
        client, mine, planted = Client(), tokens.issue(), tokens.issue()
        client.cookies[tokens.SECURE_COOKIE_NAME] = mine.text
        client.cookies[tokens.COOKIE_NAME] = planted.text
        answered = client.get("/", secure=True).cookies
        assert tokens.read(answered[tokens.SECURE_COOKIE_NAME].value).visitor == mine.visitor
        cookies = f"{tokens.COOKIE_NAME}={planted.text}; {tokens.SECURE_COOKIE_NAME}={mine.text}"
        assert arrive(("cookie", cookies), scheme="wss").cookie == mine.text

    @pytest.mark.parametrize(("days", "taken"), [(-1, True), (1, False)])
    def test_a_plain_cookie_over_https_counts_where_it_is_old(
        self, monkeypatch: pytest.MonkeyPatch, days: int, taken: bool
    ) -> None:
        monkeypatch.setattr(tokens, "PLAIN_UNTIL", datetime.now(UTC) - timedelta(days=days))
        token = tokens.issue().text
        cookie = ("cookie", f"{tokens.COOKIE_NAME}={token}")
        assert (arrive(cookie, scheme="wss").cookie == token) == taken
        assert arrive(cookie, scheme="ws").cookie == token

    @pytest.mark.parametrize("planted", ["nonsense", "", "é", "a:b"])
    def test_a_plain_cookie_that_is_no_token_is_nobody(self, planted: str) -> None:
        client = Client()
        client.cookies[tokens.COOKIE_NAME] = planted
        assert client.get("/", secure=True).status_code == 200


def test_a_host_that_is_none_of_ours_is_foreign_whatever_the_scheme(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["other.example"]
    with pytest.raises(OriginRefused):
        arrive(scheme="wss")


@pytest.mark.parametrize("trusted", [0, 2])
def test_nobody_fills_the_log_with_what_they_make_up(
    settings: Any, caplog: pytest.LogCaptureFixture, trusted: int
) -> None:
    settings.TRUSTED_PROXIES = trusted
    for number in range(200):
        arrive(
            ("origin", f"https://chat.example.com:{1000 + number}"), ("x-forwarded-for", "1.1.1.1, " * number)
        )
        arrive(("origin", f"http://chat.example.com:{1000 + number}"), scheme="wss")
    assert 0 < len(caplog.records) <= 2 * origins.MOST_ORIGINS + 2
