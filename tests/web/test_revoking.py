"""Tokens that are taken back: nobody starts with one, and who is there goes at once. The stranger stays."""

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from bridge.chat import publishing
from bridge.errors import BridgeError
from bridge.identity import revocation, tokens
from bridge.live.worker import Worker
from bridge.models import Inbox, RevokedToken
from bridge.protocol import CLOSE_NO_SESSION
from tests.web.browser import Browser
from tests.web.conftest import Open
from tests.web.files import http
from tests.web.identities import Page, take, user, vouch

revoke_token = sync_to_async(revocation.revoke_token)
revoke_visitor = sync_to_async(revocation.revoke_visitor)


async def _told(browser: Browser) -> dict[str, Any]:
    """What it is told before its socket is closed."""
    while "error" not in (frame := await browser.receive()):
        pass
    assert await browser.closed() == CLOSE_NO_SESSION
    return frame


async def test_a_revoked_token_ends_its_sockets_and_no_others(
    browser: Open, visitor: Browser, stranger: Browser
) -> None:
    await visitor.write("Hello")
    other = tokens.issue(tokens.read(visitor.token or "").visitor).text
    tab, elsewhere = browser(token=visitor.token), browser(token=other)
    await tab.start()
    await elsewhere.start()
    await revoke_token(visitor.token or "")
    for each in (visitor, tab):
        frame = await _told(each)
        assert frame["reply"] is None
        assert frame["error"]["code"] == "not_identified"
        assert frame["error"]["details"] == {"reason": "revoked"}
    await elsewhere.write("This is another browser of his")
    await stranger.write("I stay")


async def test_a_revoked_token_starts_nothing(browser: Open, visitor: Browser) -> None:
    await visitor.write("Hello")
    await revoke_token(visitor.token or "")
    for way in ({"token": visitor.token}, {"cookie": visitor.token}):
        again = browser(**way)
        await again.open()
        payload = {"token": again.token} if again.token else {}
        reply = await again.ask("session.start", **payload)
        assert reply["error"]["code"] == "not_identified"
        assert reply["error"]["details"] == {"reason": "revoked"}
    # Nor does it bring or take files.
    answer = await http("POST", "/files/?name=a.txt", body=b"Hello", token=visitor.token)
    assert answer.status == 401


async def test_a_page_replaces_a_revoked_cookie(browser: Open, inbox: Inbox) -> None:
    page = Page()
    await page.load()
    first = page.cookie or ""
    await revoke_token(first)
    await page.load()
    assert page.cookie != first
    await browser(**page.cookies).start()


async def test_all_of_a_visitors_tokens_are_revoked_at_once_but_not_the_next(
    browser: Open, visitor: Browser, stranger: Browser
) -> None:
    await visitor.write("Hello")
    who = tokens.read(visitor.token or "").visitor
    elsewhere = browser(token=tokens.issue(who).text)
    await elsewhere.start()
    await revoke_visitor(who)
    for each in (visitor, elsewhere):
        assert (await _told(each))["error"]["code"] == "not_identified"
    await stranger.write("I stay")
    await asyncio.sleep(0.002)
    later = browser(token=tokens.issue(who).text)
    assert (await later.start())["connection"]["uid"] == visitor.connection
    await Worker.current().look_at_moderation()
    await later.ok("ping")


async def test_a_nudge_that_was_lost_only_delays_it(
    browser: Open, visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await visitor.write("Hello")
    monkeypatch.setattr(publishing, "tell_moderation", lambda: None)
    await revoke_token(visitor.token or "")
    assert (await _told(visitor))["error"]["code"] == "not_identified"


async def test_a_jwt_from_before_is_worth_nothing_after_everything_was_revoked(
    browser: Open, inbox: Inbox
) -> None:
    await take(inbox, "jwt")
    old = vouch(inbox, iat=int(time.time()) - 60)
    someone = browser()
    started = await someone.start(identity=old)
    await revoke_visitor(tokens.read(started["token"]).visitor)
    assert (await _told(someone))["error"]["code"] == "not_identified"
    thief = browser()
    await thief.open()
    assert await thief.refused("session.start", identity=old) == "not_identified"
    # His site vouches for him again.
    rightful = browser()
    again = await rightful.start(identity=vouch(inbox, iat=int(time.time()) + 1))
    assert again["visitor"] == started["visitor"]


async def test_a_log_out_ends_what_rests_on_that_login_alone(browser: Open, inbox: Inbox) -> None:
    await take(inbox, "login")
    ada = await user()
    desk, phone = Page(), Page()
    for page in (desk, phone):
        await page.log_in(ada)
        await page.load()
    at_desk, on_phone, given = browser(**desk.cookies), browser(**phone.cookies), browser(token=desk.cookie)
    for each in (at_desk, on_phone, given):
        assert (await each.start())["contact"]["identified"]
    await desk.log_out()
    for each in (at_desk, given):
        assert (await _told(each))["error"]["code"] == "not_identified"
    await on_phone.write("Still here")


@pytest.mark.parametrize("inboxes", [["both"], ["jwt", "both"], ["off", "login", "both"]])
async def test_a_log_out_ends_its_chats_also_where_an_inbox_takes_both(
    browser: Open, inbox: Inbox, inboxes: list[str]
) -> None:
    """Whichever other inboxes there are; whom a JWT vouches for stays."""
    *others, mine = inboxes
    await take(inbox, mine)
    for number, identity in enumerate(others):
        await take(Inbox(name=f"other-{number}"), identity)
    page = Page()
    await page.log_in(await user())
    await page.load()
    here, given, vouched = browser(**page.cookies), browser(token=page.cookie), browser()
    assert (await here.start())["contact"]["identified"]
    assert (await given.start())["contact"]["identified"]
    assert (await vouched.start(identity=vouch(inbox)))["contact"]["identified"]
    left_behind = page.cookies
    await page.log_out()
    for each in (here, given):
        assert (await _told(each))["error"]["code"] == "not_identified"
    await vouched.write("Still here")
    # Nor does the cookie that was left behind make anybody known again.
    later = browser(**left_behind)
    await later.open()
    reply = await later.ask("session.start")
    assert not reply["ok"] or not reply["payload"]["contact"]["identified"]


async def test_a_log_out_is_nobodys_business_where_no_chat_knows_logins(inbox: Inbox) -> None:
    page = Page()
    await page.log_in(await user())
    await page.log_out()
    assert not await RevokedToken.objects.aexists()


async def test_what_is_no_token_is_not_revoked(visitor: Browser) -> None:
    with pytest.raises(BridgeError, match="invalid"):
        await revoke_token("nonsense")
    assert not await RevokedToken.objects.aexists()


@pytest.mark.django_db
def test_what_would_be_over_by_itself_is_forgotten() -> None:
    past = timezone.now() - timedelta(hours=2)
    over = RevokedToken.objects.create(digest="over", expires_at=past)
    revocation.revoke_visitor(tokens.issue().visitor)
    revocation.revoke_token(
        tokens.issue_identified(tokens.issue().visitor, grant=tokens.digests("x")[0]).text
    )
    assert not RevokedToken.objects.filter(pk=over.pk).exists()
    assert RevokedToken.objects.count() == 2


def test_nothing_that_is_stored_of_a_token_is_the_token() -> None:
    token = tokens.issue()
    assert tokens.digests(token.text)[0] not in json.dumps([token.text, str(token.visitor)])
