"""SECRET_KEY changes: with SECRET_KEY_FALLBACKS all that was signed counts on, is made anew, and stays revoked."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from bridge.errors import BridgeError
from bridge.files.links import is_signed, key_of
from bridge.identity import revocation, staff_tokens, tokens
from bridge.models import Inbox
from tests.web.browser import Browser
from tests.web.conftest import Open
from tests.web.identities import Page, take, user


def renew_key(settings: Any, *, keep: bool = True) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY] if keep else []
    settings.SECRET_KEY = "another one, " + "y" * 50


async def test_a_visitor_comes_back_to_his_conversation_with_a_new_token(
    browser: Open, visitor: Browser, stranger: Browser, settings: Any
) -> None:
    await visitor.write("Hello")
    old = visitor.token or ""
    renew_key(settings)
    again = browser(token=old)
    started = await again.start()
    assert started["connection"]["uid"] == visitor.connection
    assert started["token"] != old
    assert tokens.read(started["token"]).signed_with == 0
    # The old key is dropped: with the new token it is still theirs, with the old one nobody's.
    settings.SECRET_KEY_FALLBACKS = []
    later = browser(token=started["token"])
    assert (await later.start())["connection"]["uid"] == visitor.connection
    thief = browser(token=old)
    await thief.open()
    assert await thief.refused("session.start", token=old) == "not_identified"


async def test_the_page_gives_a_cookie_of_the_new_key_to_the_same_visitor(
    inbox: Inbox, settings: Any
) -> None:
    page = Page()
    await page.load()
    before = tokens.read(page.cookie or "")
    renew_key(settings)
    await page.load()
    after = tokens.read(page.cookie or "")
    assert (after.visitor, after.signed_with) == (before.visitor, 0)
    assert after.text != before.text
    await page.load()
    assert page.cookie == after.text


async def test_without_fallbacks_everybody_is_new(browser: Open, visitor: Browser, settings: Any) -> None:
    await visitor.write("Hello")
    renew_key(settings, keep=False)
    again = browser(token=visitor.token)
    await again.open()
    assert await again.refused("session.start", token=visitor.token) == "not_identified"


@pytest.mark.parametrize("way", ["the token", "all of the visitor's"])
async def test_what_was_revoked_stays_revoked(
    browser: Open, visitor: Browser, settings: Any, way: str
) -> None:
    await visitor.write("Hello")
    token = tokens.read(visitor.token or "")
    if way == "the token":
        await sync_to_async(revocation.revoke_token)(token.text)
    else:
        await sync_to_async(revocation.revoke_visitor)(token.visitor)
    renew_key(settings)
    again = browser(token=token.text)
    await again.open()
    assert await again.refused("session.start", token=token.text) == "not_identified"


async def test_the_old_token_can_be_revoked_after_the_change_and_ends_the_session_that_came_by_it(
    browser: Open, visitor: Browser, settings: Any
) -> None:
    await visitor.write("Hello")
    renew_key(settings)
    again = browser(token=visitor.token)
    await again.start()
    await sync_to_async(revocation.revoke_token)(visitor.token)
    while "error" not in (frame := await again.receive()):
        pass
    assert frame["error"]["details"] == {"reason": "revoked"}


async def test_a_login_stays_who_it_was_and_its_end_ends_what_the_old_key_signed(
    browser: Open, inbox: Inbox, settings: Any
) -> None:
    await take(inbox, "both")
    page = Page()
    await page.log_in(await user(is_staff=True))
    await page.load()
    known = tokens.read(page.cookie or "")
    renew_key(settings)
    given = browser(token=known.text)
    assert (await given.start())["contact"]["identified"]
    here = browser(**page.cookies)
    assert (await here.start())["contact"]["identified"]
    # As Django's own view does it: not the client, whose request has no cookies.
    await sync_to_async(page.client.post)("/admin/logout/")
    for each in (given, here):
        while "error" not in (frame := await each.receive()):
            pass
        assert frame["error"]["details"] == {"reason": "revoked"}


async def test_who_signed_in_leaves_an_anonymous_token_whose_holder_is_the_same_stranger_with_the_new_key(
    browser: Open, inbox: Inbox, settings: Any
) -> None:
    await take(inbox, "login")
    page = Page()
    await page.load()
    left = page.cookie or ""
    await page.log_in(await user())
    await page.load()
    before = await browser(token=left).start()
    renew_key(settings)
    after = await browser(token=left).start()
    first, second = (tokens.read(each["token"]) for each in (before, after))
    assert first.visitor == second.visitor != tokens.read(left).visitor


@pytest.mark.django_db
def test_tokens_of_staff_count_on_and_can_be_revoked(settings: Any) -> None:
    sam = User.objects.create_user("sam", password="secret", is_staff=True)
    kept, before, after = (staff_tokens.issue(sam, lasts=timedelta(days=1)) for _ in range(3))
    staff_tokens.revoke(before)
    renew_key(settings)
    staff_tokens.revoke(after)
    assert staff_tokens.read(kept) == sam
    for revoked in (before, after):
        with pytest.raises(BridgeError):
            staff_tokens.read(revoked)
    assert staff_tokens.read(staff_tokens.issue(sam, lasts=timedelta(days=1))) == sam
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(BridgeError):
        staff_tokens.read(kept)


@pytest.mark.django_db
def test_who_is_logged_in_to_the_admin_stays(settings: Any) -> None:
    client = Client()
    client.force_login(User.objects.create_user("sam", password="secret", is_staff=True))
    renew_key(settings)
    assert client.get("/admin/").status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert client.get("/admin/").status_code == 200  # the session was renewed with the new key


def test_keys_of_files_count_on(settings: Any) -> None:
    uid, now = tokens.issue().visitor, timezone.now()
    key = key_of(uid)
    renew_key(settings)
    assert is_signed(key, uid=uid, created_at=now)
    assert key_of(uid) != key
    settings.SECRET_KEY_FALLBACKS = []
    assert not is_signed(key, uid=uid, created_at=now)
