"""One entrance: whoever is refused is refused in every way in, for the same reason, and the stranger comes in."""

import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as project
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from bridge.chat.actions.moderating import block
from bridge.identity import revocation, staff_tokens, tokens
from bridge.identity.handshake import read_handshake
from bridge.models import Attachment, Contact, Inbox
from tests.web.browser import Closed
from tests.web.conftest import Open
from tests.web.files import Answer, http
from tests.web.identities import Page, take, user, vouch

SITE = "https://shop.example"
OURS = {"origin": "http://testserver", "sec-fetch-site": "same-origin"}
IN = ""
"""What a way answers who comes in."""


@dataclass(frozen=True)
class Attempt:
    """What somebody comes with, and the file that is theirs."""

    file: str = ""
    token: str | None = None
    cookie: str | None = None
    login: str | None = None
    jwt: str | None = None
    inbox: str = "default"
    origin: str | None = None
    host: str = "testserver"

    @property
    def headers(self) -> dict[str, str]:
        cookies = {tokens.COOKIE_NAME: self.cookie, project.SESSION_COOKIE_NAME: self.login}
        sent = {"host": self.host, **(OURS if self.cookie else {})}
        if cookie := "; ".join(f"{name}={value}" for name, value in cookies.items() if value):
            sent["cookie"] = cookie
        return sent | ({"origin": self.origin} if self.origin else {})

    @property
    def start(self) -> dict[str, str]:
        said = {"inbox": self.inbox, "token": self.token, "identity": self.jwt}
        return {name: text for name, text in said.items() if text is not None}


Way = Callable[[Open, Attempt], Awaitable[str]]


async def by_socket(browser: Open, attempt: Attempt) -> str:
    tab = browser(
        cookie=attempt.cookie,
        login=attempt.login,
        origin=attempt.origin or "http://testserver",
        host=attempt.host,
    )
    await tab.open()
    reply = await tab.ask("session.start", **attempt.start)
    return IN if reply["ok"] else _code(reply["error"])


async def by_session(browser: Open, attempt: Attempt) -> str:
    headers = {**attempt.headers, "content-type": "application/json"}
    body = {name: text for name, text in attempt.start.items() if name != "token"}
    return _answered(
        await http(
            "POST", "/api/session", body=json.dumps(body).encode(), token=attempt.token, headers=headers
        )
    )


async def by_request(browser: Open, attempt: Attempt) -> str:
    return await _get(f"/api/connections?inbox={attempt.inbox}", attempt)


async def by_upload(browser: Open, attempt: Attempt) -> str:
    # Whoever comes in is told that the file is empty.
    address = f"/files/?inbox={attempt.inbox}&name=a.txt"
    code = _answered(await http("POST", address, token=attempt.token, headers=attempt.headers))
    return IN if code == "invalid_payload empty" else code


async def by_file(browser: Open, attempt: Attempt) -> str:
    return await _get(attempt.file, attempt)


async def by_thumbnail(browser: Open, attempt: Attempt) -> str:
    return await _get(f"{attempt.file}thumbnail/", attempt)


async def _get(path: str, attempt: Attempt) -> str:
    return _answered(await http("GET", path, token=attempt.token, headers=attempt.headers))


def _answered(answer: Answer) -> str:
    if answer.status < 400:
        return IN
    if answer.headers["content-type"] != "application/json":
        # A file that somebody may not see is a page that does not exist: nobody learns why.
        return f"page {answer.status}"
    return _code(answer.json["error"])


def _code(error: dict[str, Any]) -> str:
    """The code, with the reason where the refusal has one."""
    assert error["message"]
    return f"{error['code']} {error['details'].get('reason', '')}".strip()


STARTING: dict[str, Way] = {"socket": by_socket, "session": by_session}
GOING_ON: dict[str, Way] = {"request": by_request, "upload": by_upload}
FILES: dict[str, Way] = {"file": by_file, "thumbnail": by_thumbnail}
WAYS = STARTING | GOING_ON | FILES


async def walked(browser: Open, attempt: Attempt, ways: dict[str, Way] = WAYS) -> dict[str, str]:
    return {name: await way(browser, attempt) for name, way in ways.items()}


def everywhere(code: str) -> dict[str, str]:
    return {name: "page 404" if name in FILES and code else code for name in WAYS}


@sync_to_async
def someone(inbox: Inbox, token: str | None = None) -> Attempt:
    """A visitor with a file, in this inbox."""
    token = token or tokens.issue().text
    row = Attachment.objects.create(
        inbox=inbox,
        visitor=tokens.read(token).visitor,
        name="a.txt",
        content_type="text/plain",
        size=5,
        file=ContentFile(b"words", "a.txt"),
        thumbnail=ContentFile(b"small", "a.webp"),
    )
    return Attempt(file=f"/files/{row.uid}/", token=token)


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


# ------------------------------------------------------------------- reasons

Reason = Callable[[Inbox, Attempt], Awaitable[Attempt]]


async def _site(inbox: Inbox, attempt: Attempt) -> Attempt:
    # Another inbox names it, or its socket would be closed before a session could be asked for.
    await Inbox.objects.acreate(name="shop", allowed_origins=SITE)
    return replace(attempt, origin=SITE)


async def _disabled(inbox: Inbox, attempt: Attempt) -> Attempt:
    await Inbox.objects.filter(pk=inbox.pk).aupdate(enabled=False)
    return attempt


async def _anonymous(inbox: Inbox, attempt: Attempt) -> Attempt:
    await take(inbox, "jwt", required=True)
    return attempt


INBOX: dict[str, tuple[Reason, str]] = {
    "another site's page": (_site, "not_permitted"),
    "an inbox that is switched off": (_disabled, "not_found"),
    "nobody vouches for them where somebody has to": (_anonymous, "not_identified sign_in"),
}


@pytest.mark.parametrize("reason", INBOX)
async def test_what_an_inbox_refuses_it_refuses_in_every_way(
    browser: Open, inbox: Inbox, reason: str
) -> None:
    visitor = await someone(inbox)
    assert await walked(browser, visitor) == everywhere(IN)
    apply, code = INBOX[reason]
    refused = await apply(inbox, visitor)
    assert await walked(browser, refused) == everywhere(code)


async def _visitor_of(attempt: Attempt) -> uuid.UUID:
    return tokens.read(attempt.token or "").visitor


async def _blocked(inbox: Inbox, attempt: Attempt) -> Attempt:
    await sync_to_async(block)(inbox, await _visitor_of(attempt))
    return attempt


async def _blocked_for_an_hour(inbox: Inbox, attempt: Attempt) -> Attempt:
    until = timezone.now() + timedelta(hours=1)
    await sync_to_async(block)(inbox, await _visitor_of(attempt), until=until)
    return attempt


async def _blocked_cookie(inbox: Inbox, attempt: Attempt) -> Attempt:
    """A page that forgot who it was, in the browser of somebody who is blocked."""
    other = tokens.issue()
    await sync_to_async(block)(inbox, other.visitor)
    return replace(attempt, cookie=other.text)


async def _by_cookie_and_blocked(inbox: Inbox, attempt: Attempt) -> Attempt:
    await _blocked(inbox, attempt)
    return replace(attempt, token=None, cookie=attempt.token)


async def _revoked(inbox: Inbox, attempt: Attempt) -> Attempt:
    await sync_to_async(revocation.revoke_token)(attempt.token or "")
    return attempt


async def _revoked_cookie(inbox: Inbox, attempt: Attempt) -> Attempt:
    await _revoked(inbox, attempt)
    return replace(attempt, token=None, cookie=attempt.token)


async def _revoked_visitor(inbox: Inbox, attempt: Attempt) -> Attempt:
    await sync_to_async(revocation.revoke_visitor)(await _visitor_of(attempt))
    return attempt


async def _forged(inbox: Inbox, attempt: Attempt) -> Attempt:
    return replace(attempt, token=f"{attempt.token}x")


async def _staffs(inbox: Inbox, attempt: Attempt) -> Attempt:
    sam = await user("sam", is_staff=True, is_superuser=True)
    return replace(attempt, token=staff_tokens.issue(sam, lasts=timedelta(days=1)))


PERSONAL: dict[str, tuple[Reason, str]] = {
    "blocked": (_blocked, "blocked"),
    "blocked for an hour": (_blocked_for_an_hour, "blocked"),
    "blocked by what their cookie says": (_blocked_cookie, "blocked"),
    "blocked, and known by their cookie": (_by_cookie_and_blocked, "blocked"),
    "a token that was revoked": (_revoked, "not_identified revoked"),
    "a cookie that was revoked": (_revoked_cookie, "not_identified revoked"),
    "all their tokens were revoked": (_revoked_visitor, "not_identified revoked"),
    "a token that nobody issued": (_forged, "not_identified"),
    "a token of staff": (_staffs, "not_identified"),
}


@pytest.mark.parametrize("reason", PERSONAL)
async def test_who_is_refused_is_refused_in_every_way_and_the_stranger_in_none(
    browser: Open, inbox: Inbox, reason: str
) -> None:
    visitor, stranger = await someone(inbox), await someone(inbox)
    apply, code = PERSONAL[reason]
    assert await walked(browser, await apply(inbox, visitor)) == everywhere(code)
    assert await walked(browser, stranger) == everywhere(IN)
    # The file is not theirs.
    assert await by_file(browser, replace(stranger, file=visitor.file)) == "page 404"


async def test_a_block_that_is_over_or_of_another_inbox_keeps_nobody_out(browser: Open, inbox: Inbox) -> None:
    visitor = await someone(inbox)
    who = await _visitor_of(visitor)
    await sync_to_async(block)(inbox, who, until=timezone.now() - timedelta(seconds=1))
    await sync_to_async(block)(await Inbox.objects.acreate(name="sales"), who)
    assert await walked(browser, visitor) == everywhere(IN)


async def test_an_inbox_that_there_is_not_is_found_in_no_way(browser: Open, inbox: Inbox) -> None:
    visitor = await someone(inbox)
    for name in ("nowhere", "Default"):
        asked = replace(visitor, inbox=name)
        assert set((await walked(browser, asked, STARTING | GOING_ON)).values()) == {"not_found"}


async def test_a_host_that_is_not_ours_is_let_in_nowhere(browser: Open, inbox: Inbox) -> None:
    rebound = replace(await someone(inbox), host="evil.example")
    with pytest.raises(Closed) as closed:
        await by_socket(browser, rebound)
    assert closed.value.code == 4403
    assert await by_upload(browser, rebound) == "not_permitted"
    # Django does not even look for an address.
    django = {name: way for name, way in WAYS.items() if name not in {"socket", "upload"}}
    assert set((await walked(browser, rebound, django)).values()) == {"page 400"}


# ----------------------------------------------------------- logins and JWTs


async def _logged_in(page: Page, inbox: Inbox) -> Attempt:
    await page.load()
    return replace(await someone(inbox, page.cookie), token=None, cookie=page.cookie, login=page.login)


async def test_who_logged_out_is_signed_out_in_every_way(browser: Open, inbox: Inbox) -> None:
    await take(inbox, "login")
    page, others = Page(), Page()
    await page.log_in(await user("ada"))
    await others.log_in(await user("eve"))
    ada, eve = await _logged_in(page, inbox), await _logged_in(others, inbox)
    assert await walked(browser, ada) == everywhere(IN)
    await page.log_out()
    assert await walked(browser, ada) == everywhere("not_identified revoked")
    left_behind = replace(ada, login=None)
    assert await walked(browser, left_behind) == everywhere("not_identified revoked")
    assert await walked(browser, eve) == everywhere(IN)


async def test_a_token_whose_jwt_is_over_is_nobodys_in_every_way(browser: Open, inbox: Inbox) -> None:
    await take(inbox, "jwt", required=True)
    tab = browser()
    started = await tab.start(identity=vouch(inbox))
    token = tokens.read(started["token"])
    assert await walked(browser, await someone(inbox, token.text)) == everywhere(IN)
    over = tokens.issue_identified(
        token.visitor, grant=token.grant, until=timezone.now() - timedelta(seconds=2)
    )
    late = await someone(inbox, over.text)
    assert await walked(browser, late) == everywhere("not_identified sign_in")


@pytest.mark.parametrize(
    ("claims", "key", "code"),
    [
        ({"exp": int(time.time()) - 60}, None, "not_identified expired"),
        ({"aud": "sales"}, None, "not_identified jwt"),
        ({}, "guessed" * 8, "not_identified jwt"),
    ],
    ids=["expired", "of another inbox", "of another secret"],
)
async def test_a_jwt_that_does_not_fit_starts_nothing_in_either_way(
    browser: Open, inbox: Inbox, claims: dict[str, Any], key: str | None, code: str
) -> None:
    await take(inbox, "jwt")
    visitor = await someone(inbox)
    forged = replace(visitor, jwt=vouch(inbox, key=key, **claims))
    assert await walked(browser, forged, STARTING) == dict.fromkeys(STARTING, code)
    rightful = replace(visitor, jwt=vouch(inbox))
    assert await walked(browser, rightful, STARTING) == dict.fromkeys(STARTING, IN)


async def test_a_token_speaks_for_itself_beside_a_login_but_where_a_session_starts(
    browser: Open, inbox: Inbox, settings: Any
) -> None:
    await take(inbox, "login")
    page = Page()
    await page.log_in(await user("ada"))
    visitor = replace(await someone(inbox), login=page.login)
    headers = {**visitor.headers, **OURS}
    sent = await http("POST", "/files/?name=b.txt", body=b"Hello", token=visitor.token, headers=headers)
    assert sent.status == 201
    kept = await Attachment.objects.aget(uid=sent.json["uid"])
    assert kept.visitor == await _visitor_of(visitor)
    assert await by_file(browser, visitor) == IN
    assert not await Contact.objects.aexists(), "to read and to send makes nobody known"
    # Who signs in keeps what they wrote before.
    assert await by_socket(browser, visitor) == IN
    assert (await Contact.objects.aget()).visitor == kept.visitor


async def test_a_program_may_send_its_token_with_the_sockets_handshake(browser: Open, inbox: Inbox) -> None:
    ours, staffs = tokens.issue(), "staff.nonsense"
    tabs = [
        browser(origin=None, headers=((b"authorization", f"{scheme} {token}".encode()),))
        for scheme, token in (("bearer", ours.text), ("Basic", ours.text), ("Bearer", staffs))
    ]
    assert (await tabs[0].start())["visitor"] == tokens.public_id(ours.visitor)
    assert (await tabs[1].start())["visitor"] != tokens.public_id(ours.visitor)
    await tabs[2].open()
    assert await tabs[2].refused("session.start") == "not_identified"


# ------------------------------------------------------------------- cookies


async def test_who_shows_nothing_is_new_where_a_session_starts_and_nobody_elsewhere(
    browser: Open, inbox: Inbox
) -> None:
    nobody = replace(await someone(inbox), token=None)
    found = await walked(browser, nobody)
    assert found == everywhere("not_identified") | dict.fromkeys(STARTING, IN)


@pytest.mark.parametrize(
    ("sent", "writes", "reads"),
    [
        (OURS, True, True),
        ({"origin": "http://testserver"}, True, True),
        # Neither a browser that says so, nor one of before it was said.
        ({}, False, True),
        ({"sec-fetch-site": "none"}, False, True),
        ({"sec-fetch-site": "same-site", "origin": "http://testserver"}, False, False),
        ({"sec-fetch-site": "cross-site"}, False, False),
        # Somebody follows a link; a frame or a picture of another site is nobody.
        (
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            False,
            True,
        ),
        (
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
            False,
            False,
        ),
        ({"origin": SITE}, False, False),
    ],
)
async def test_a_cookie_speaks_for_our_own_pages_alone(
    browser: Open, inbox: Inbox, sent: dict[str, str], writes: bool, reads: bool
) -> None:
    await Inbox.objects.filter(pk=inbox.pk).aupdate(allowed_origins=SITE)
    visitor = await someone(inbox)
    headers = {"host": "testserver", **sent}
    for method, path, counts in (
        ("POST", "/files/?name=a.txt", writes),
        ("POST", "/api/messages", writes),
        ("GET", "/api/connections", reads),
        ("GET", visitor.file, reads),
    ):
        code = _answered(await http(method, path, cookie=visitor.token, headers=headers))
        assert (code not in {"not_identified", "page 404"}) == counts, (method, path, code)
        # A token of theirs counts whoever asks, where the inbox names the site.
        assert _answered(await http(method, path, token=visitor.token, headers=headers)) not in {
            "not_identified",
            "not_permitted",
            "page 404",
        }


def test_a_cookie_is_found_among_others_however_they_are_written() -> None:
    token = tokens.issue().text
    for cookies in (
        [f'prefs={{"a": "b"}}; {tokens.COOKIE_NAME}={token}'],
        [f"a b c; {tokens.COOKIE_NAME}={token}; x=["],
        ["a=1", f"{tokens.COOKIE_NAME}={token}", "b=2"],
    ):
        headers = [(b"host", b"testserver"), *((b"cookie", text.encode()) for text in cookies)]
        assert read_handshake({"headers": headers, "client": None}).cookie == token


# --------------------------------------------------------------------- pages


@pytest.mark.django_db
def test_another_sites_script_gets_no_page_and_no_cookie_of_an_inbox_that_does_not_name_it() -> None:
    for origin, status in ((SITE, 403), ("null", 403), ("http://testserver", 200)):
        answer = Client().get("/", headers={"origin": origin})
        assert answer.status_code == status
        assert bool(answer.cookies) == (status == 200)
    Inbox.objects.filter(name="default").update(allowed_origins=SITE)
    answer = Client().get("/", headers={"origin": SITE})
    assert (answer.status_code, bool(answer.cookies)) == (200, False)


@pytest.mark.django_db
@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "same-origin"])
def test_whoever_asks_for_a_page_its_visitor_stays_who_they_were(site: str) -> None:
    client = Client()
    client.get("/")
    before = client.cookies[tokens.COOKIE_NAME].value
    client.get("/", headers={"sec-fetch-site": site, "sec-fetch-mode": "no-cors"})
    assert client.cookies[tokens.COOKIE_NAME].value == before


async def test_a_page_is_no_way_around_a_block(browser: Open, inbox: Inbox) -> None:
    page, stranger = Page(), Page()
    await page.load()
    await stranger.load()
    await sync_to_async(block)(inbox, tokens.read(page.cookie or "").visitor)
    before = page.cookie
    await page.load()
    assert page.cookie == before
    assert await by_socket(browser, Attempt(cookie=page.cookie)) == "blocked"
    assert await by_socket(browser, Attempt(cookie=stranger.cookie)) == IN
