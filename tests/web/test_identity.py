"""Who a visitor is, as his site says: by a JWT or by its login. The stranger never is somebody else."""

import asyncio
import time
import uuid
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.utils import timezone

from bridge.errors import BridgeError
from bridge.identity import contacts, providers, tokens
from bridge.identity.contacts import Identity
from bridge.models import Connection, Contact, Inbox
from bridge.protocol import CLOSE_NO_SESSION
from tests.web.browser import Browser
from tests.web.conftest import Open
from tests.web.files import http
from tests.web.identities import Page, take, user, vouch

# ---------------------------------------------------------------------- JWT


async def test_who_is_vouched_for_is_called_so_and_is_the_same_everywhere(
    browser: Open, inbox: Inbox
) -> None:
    await take(inbox, "jwt")
    first = browser()
    started = await first.start(identity=vouch(inbox, name="Ada Lovelace", email="ada@example.com"))
    assert started["nick"] == "Ada Lovelace"
    assert started["contact"] == {"name": "Ada Lovelace", "email": "ada@example.com", "identified": True}
    await first.write("From my desk")
    other = browser(address="198.51.100.7")
    again = await other.start(identity=vouch(inbox, name="Ada King"))
    assert again["visitor"] == started["visitor"]
    assert [each["content"] for each in again["messages"]] == ["From my desk"]
    assert again["contact"]["name"] == "Ada King"
    stranger = browser()
    assert (await stranger.start(identity=vouch(inbox, "u-18")))["connection"] is None


def _wrong(inbox: Inbox) -> dict[str, str]:
    now = int(time.time())
    good = vouch(inbox)
    return {
        "expired": vouch(inbox, exp=now - 60),
        "without exp": vouch(inbox, exp=None),
        "without aud": vouch(inbox, aud=None),
        "for another chat": vouch(inbox, aud="sales"),
        "without sub": vouch(inbox, sub=None),  # type: ignore[arg-type]
        "an empty sub": vouch(inbox, sub=""),
        "a sub that is no text": jwt.encode(
            {"sub": 17, "aud": "default", "exp": now + 60}, inbox.identity_secret
        ),
        "a NUL in it": vouch(inbox, "a\x00b"),
        "not yet": vouch(inbox, nbf=now + 600),
        "another secret": vouch(inbox, key="guessed" * 8),
        "no secret": vouch(inbox, key="", algorithm="none"),
        "another algorithm": vouch(inbox, algorithm="HS512"),
        "a mail address that is none": vouch(inbox, email="ada"),
        "altered": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        "no JWT": "nonsense",
    }


@pytest.mark.parametrize("how", _wrong(Inbox(name="default", identity_secret="s" * 64)))
async def test_a_jwt_that_does_not_fit_lets_nobody_in(browser: Open, inbox: Inbox, how: str) -> None:
    await take(inbox, "jwt")
    rightful = browser()
    await rightful.start(identity=vouch(inbox))
    await rightful.write("My secret")
    forger = browser()
    await forger.open()
    reply = await forger.ask("session.start", identity=_wrong(inbox)[how])
    assert reply["error"]["code"] == "not_identified"
    assert reply["error"]["details"]["reason"] == ("expired" if how == "expired" else "jwt")
    assert "secret" not in str(reply).replace("chat's secret", "")
    # The socket lives: its site makes another one.
    assert await forger.refused("ping") == "not_identified"
    await forger.ok("session.start", identity=vouch(inbox, "u-18"))
    assert await Contact.objects.acount() == 2


@pytest.mark.parametrize("identity", ["off", "login"])
async def test_an_inbox_that_takes_no_jwt_takes_none(browser: Open, inbox: Inbox, identity: str) -> None:
    await take(inbox, identity)
    someone = browser()
    await someone.open()
    assert await someone.refused("session.start", identity=vouch(inbox)) == "not_identified"


async def test_another_inboxes_secret_is_worth_nothing_here(browser: Open, inbox: Inbox) -> None:
    await take(inbox, "jwt")
    sales = await take(await Inbox.objects.acreate(name="sales"), "jwt")
    someone = browser()
    await someone.open()
    forged = vouch(sales, aud=inbox.name)
    assert await someone.refused("session.start", identity=forged) == "not_identified"
    # The same `sub` in two inboxes is two people: two sites number their users by themselves.
    here, there = browser(), browser()
    one = await here.start(identity=vouch(inbox))
    other = await there.start(inbox="sales", identity=vouch(sales))
    assert one["visitor"] != other["visitor"]


async def test_the_token_of_a_vouched_for_visitor_is_enough_for_as_long_as_his_jwt(
    browser: Open, inbox: Inbox
) -> None:
    await take(inbox, "jwt")
    someone = browser()
    started = await someone.start(identity=vouch(inbox, exp=int(time.time()) + 30))
    token = tokens.read(started["token"])
    assert token.expires_at is not None
    assert token.expires_at - timezone.now() <= timedelta(seconds=30)
    again = browser(token=started["token"])
    assert (await again.start())["contact"]["identified"]
    over = tokens.issue_identified(
        token.visitor, grant=token.grant, until=timezone.now() - timedelta(seconds=2)
    )
    late = browser(token=over.text)
    fresh = await late.start()
    assert fresh["visitor"] != started["visitor"]
    assert not fresh["contact"]["identified"]
    assert fresh["token"] not in {over.text, started["token"]}


async def test_nobody_starts_a_session_unknown_where_identity_is_required(
    browser: Open, inbox: Inbox
) -> None:
    await take(inbox, "jwt", required=True)
    for someone in (browser(), browser(token=tokens.issue().text)):
        await someone.open()
        payload = {"token": someone.token} if someone.token else {}
        reply = await someone.ask("session.start", **payload)
        assert reply["error"]["code"] == "not_identified"
        assert reply["error"]["details"]["reason"] == "sign_in"
        assert "sign in" in reply["error"]["message"]
        assert await someone.refused("ping") == "not_identified"
        await someone.ok("session.start", identity=vouch(inbox))


# ----------------------------------------------------- who wrote before he signed in


async def test_what_he_wrote_before_he_signed_in_goes_on(browser: Open, inbox: Inbox) -> None:
    await take(inbox, "jwt")
    before = browser()
    await before.start()
    await before.ok("contact.set", name="Ada", email="ada@home.example")
    await before.write("I have no name yet")
    await before.leave()
    after = browser(token=before.token)
    started = await after.start(identity=vouch(inbox, name="Ada Lovelace"))
    assert started["connection"]["uid"] == before.connection
    assert started["contact"] == {"name": "Ada Lovelace", "email": "ada@home.example", "identified": True}
    assert await Contact.objects.acount() == 1
    # From another browser he comes back to it; what was written there without a name stays there.
    elsewhere = browser()
    await elsewhere.start()
    await elsewhere.write("On a borrowed phone")
    away = browser(token=elsewhere.token)
    assert (await away.start(identity=vouch(inbox)))["connection"]["uid"] == before.connection


async def test_an_anonymous_token_does_not_enter_a_known_visitor(browser: Open, inbox: Inbox) -> None:
    await take(inbox, "jwt")
    before = browser()
    await before.start()
    await before.write("Mine")
    anonymous = before.token
    known = browser(token=anonymous)
    rightful = await known.start(identity=vouch(inbox))
    stranger = browser(token=anonymous)
    fresh = await stranger.start()
    assert fresh["connection"] is None
    assert fresh["visitor"] != rightful["visitor"]
    assert fresh["token"] != anonymous
    await stranger.write("Somebody else")
    # The same in each of his tabs, also in those that still have the old token.
    tab = browser(token=anonymous)
    assert (await tab.start())["connection"]["uid"] == stranger.connection
    # And where the stranger signs in, he goes on with what he wrote, not with what he found.
    signed_in = browser(token=anonymous)
    started = await signed_in.start(identity=vouch(inbox, "u-18"))
    assert started["connection"]["uid"] == stranger.connection


async def test_whoever_had_the_anonymous_token_too_hears_nothing_any_more(
    browser: Open, inbox: Inbox
) -> None:
    await take(inbox, "jwt")
    before, listener, stranger = browser(), browser(), browser()
    await before.start()
    await before.write("Hello")
    listener.token = before.token
    await listener.start()
    await stranger.start()
    known = browser(token=before.token)
    await known.start(identity=vouch(inbox))
    assert await listener.closed() == CLOSE_NO_SESSION
    await known.write("For my eyes alone")
    assert await stranger.hears_nothing()


async def test_two_sign_ins_at_the_same_moment_make_one_contact(browser: Open, inbox: Inbox) -> None:
    await take(inbox, "jwt")
    many = [browser(address=f"192.0.2.{number}") for number in range(1, 9)]
    started = await asyncio.gather(*(each.start(identity=vouch(inbox)) for each in many))
    assert len({each["visitor"] for each in started}) == 1
    assert await Contact.objects.acount() == 1


async def test_two_who_sign_in_from_one_browser_at_the_same_moment_stay_two(
    browser: Open, inbox: Inbox
) -> None:
    await take(inbox, "jwt")
    token = tokens.issue().text
    many = [browser(token=token, address=f"192.0.2.{number}") for number in range(1, 9)]
    started = await asyncio.gather(
        *(each.start(identity=vouch(inbox, f"u-{number % 2}")) for number, each in enumerate(many))
    )
    assert len({each["visitor"] for each in started[::2]}) == 1
    assert len({each["visitor"] for each in started}) == 2
    assert await Contact.objects.acount() == 2


# ---------------------------------------------------------------------- login


async def test_a_logged_in_user_is_known_on_our_own_pages_alone(browser: Open, inbox: Inbox) -> None:
    inbox.allowed_origins = "https://elsewhere.example"
    await take(inbox, "login")
    page = Page()
    await page.log_in(await user(first_name="Ada", last_name="Lovelace"))
    here = browser(**page.cookies)
    started = await here.start()
    assert started["contact"] == {"name": "Ada Lovelace", "email": "ada@example.com", "identified": True}
    there = browser(**page.cookies, origin="https://elsewhere.example")
    assert not (await there.start())["contact"]["identified"]


async def test_a_kind_of_user_without_full_names_is_called_by_his_username(
    browser: Open, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("django.contrib.auth.models.AbstractUser.get_full_name")
    await take(inbox, "login")
    page = Page()
    await page.log_in(await user(first_name="Ada", last_name="Lovelace"))
    assert (await browser(**page.cookies).start())["contact"]["name"] == "ada"


async def test_whose_login_is_over_is_nobody(browser: Open, inbox: Inbox) -> None:
    await take(inbox, "login")
    ada = await user()
    page = Page()
    await page.log_in(ada)
    stale = page.login
    await page.log_out()
    for login in (stale, "nonsense", "x" * 300):
        someone = browser(login=login)
        assert not (await someone.start())["contact"]["identified"]
    await page.log_in(ada)
    ada.is_active = False
    await ada.asave()
    assert not (await browser(**page.cookies).start())["contact"]["identified"]


@pytest.mark.parametrize("identity", ["off", "jwt"])
async def test_an_inbox_that_takes_no_login_takes_none(browser: Open, inbox: Inbox, identity: str) -> None:
    await take(inbox, identity)
    page = Page()
    await page.log_in(await user())
    await page.load()
    assert not (await browser(**page.cookies).start())["contact"]["identified"]
    assert await Contact.objects.acount() == 0


async def test_a_user_is_one_visitor_in_all_inboxes_that_take_the_login(browser: Open, inbox: Inbox) -> None:
    await take(inbox, "login")
    await take(await Inbox.objects.acreate(name="sales"), "both")
    page = Page()
    await page.log_in(await user())
    one = await browser(**page.cookies).start()
    other = await browser(login=page.login).start(inbox="sales")
    assert one["visitor"] == other["visitor"]


async def test_after_log_out_a_stranger_at_the_same_computer_is_a_stranger(
    browser: Open, inbox: Inbox
) -> None:
    await take(inbox, "login")
    ada = await user()
    page = Page()
    await page.load()
    anonymous = browser(**page.cookies)
    await anonymous.start()
    await anonymous.write("Before I log in")
    await page.log_in(ada)
    await page.load()
    hers = browser(**page.cookies)
    started = await hers.start()
    assert started["connection"]["uid"] == anonymous.connection
    assert started["token"] == ""
    left_behind = page.cookie
    await page.log_out()
    assert await hers.closed() == CLOSE_NO_SESSION
    # A tab that she left open comes back with the cookie that it had; its page has to be loaded anew.
    tab = browser(cookie=left_behind)
    await tab.open()
    assert await tab.refused("session.start") == "not_identified"
    await page.load()
    assert page.cookie != left_behind
    stranger = browser(**page.cookies)
    fresh = await stranger.start()
    assert fresh["connection"] is None
    assert fresh["visitor"] != started["visitor"]
    assert fresh["contact"] == {"name": "", "email": "", "identified": False}
    await stranger.write("Who was here before me?")
    # She logs in on the same computer, and at home: there she is again, without what the stranger wrote.
    await page.log_in(ada)
    await page.load()
    home = Page()
    await home.log_in(ada)
    for back in (browser(**page.cookies), browser(**home.cookies)):
        again = await back.start()
        assert again["visitor"] == started["visitor"]
        assert [each["content"] for each in again["messages"]] == ["Before I log in"]


async def test_a_login_that_ran_out_takes_its_cookie_with_it(browser: Open, inbox: Inbox) -> None:
    await take(inbox, "login")
    page = Page()
    await page.log_in(await user())
    await page.load()
    started = await browser(**page.cookies).start()
    # Nobody logged out: the session is just not there any more, or another user's.
    gone = await browser(cookie=page.cookie).start()
    assert gone["visitor"] != started["visitor"]
    eve = Page()
    await eve.log_in(await user("eve"))
    hers = await browser(cookie=page.cookie, login=eve.login).start()
    assert hers["visitor"] == gone["visitor"]
    assert hers["contact"]["email"] == "eve@example.com"


# ------------------------------------------------------------------- contact.set


async def test_a_visitor_says_who_he_is_and_may_take_it_back(visitor: Browser, stranger: Browser) -> None:
    reply = await visitor.ok("contact.set", name="  Ada \n Lovelace ", email="ada@example.com")
    assert reply == {"contact": {"name": "Ada Lovelace", "email": "ada@example.com", "identified": False}}
    assert (await visitor.ok("contact.set", email=""))["contact"]["name"] == "Ada Lovelace"
    assert (await stranger.ok("contact.set"))["contact"]["name"] == ""
    row = await Contact.objects.aget(name="Ada Lovelace")
    assert (row.email, row.email_verified) == ("", False)


@pytest.mark.parametrize(
    "payload",
    [{"email": "ada"}, {"email": "a@b@c"}, {"email": "a\n@example.com"}, {"name": "x" * 81}, {"sub": "u"}],
)
async def test_what_is_no_name_or_mail_address_is_refused(visitor: Browser, payload: dict[str, Any]) -> None:
    assert await visitor.refused("contact.set", **payload) == "invalid_payload"
    assert await Contact.objects.acount() == 0


async def test_what_his_site_says_of_him_he_cannot_change(browser: Open, inbox: Inbox) -> None:
    await take(inbox, "jwt")
    someone = browser()
    await someone.start(identity=vouch(inbox, email="ada@example.com"))
    reply = await someone.ask("contact.set", email="eve@example.com")
    assert reply["error"]["code"] == "not_permitted"
    assert reply["error"]["details"] == {"field": "email"}
    # Said again it is nothing new, and what his site does not say he says himself.
    changed = await someone.ok("contact.set", name="Ada", email="ada@example.com")
    assert changed["contact"]["name"] == "Ada"
    later = browser()
    assert (await later.start(identity=vouch(inbox, email="ada@new.example")))["contact"] == {
        "name": "Ada",
        "email": "ada@new.example",
        "identified": True,
    }


async def test_nobody_says_who_he_is_before_his_session_has_started(browser: Open) -> None:
    nobody = browser()
    await nobody.open()
    assert await nobody.refused("contact.set", name="Ada") == "not_identified"


@pytest.mark.django_db(transaction=True)
def test_a_visitor_whom_another_identity_has_is_not_taken_from_it() -> None:
    inbox = Inbox.objects.get_or_create(name="default")[0]
    sales = Inbox.objects.create(name="sales")
    visitor = uuid.uuid4()
    ada, eve = (Identity(Contact.Issuer.JWT, sub) for sub in ("ada", "eve"))
    assert contacts.identify(inbox.pk, ada, visitor=visitor).visitor == visitor
    assert contacts.identify(inbox.pk, eve, visitor=visitor).visitor != visitor
    # Nor in another inbox, where `sub` may be anybody's.
    assert contacts.identify(sales.pk, ada, visitor=visitor).visitor != visitor
    assert Connection.objects.count() == 0


# ------------------------------------------------------------------------- files


async def test_files_are_his_whom_the_session_knows_and_not_his_who_has_the_old_cookie(
    browser: Open, inbox: Inbox
) -> None:
    await take(inbox, "login")
    page = Page()
    await page.load()
    before = page.cookie or ""
    # He logs in elsewhere: this page still has the cookie of nobody.
    await page.log_in(await user())
    here = browser(**page.cookies)
    await here.start()
    cookies = f"{tokens.COOKIE_NAME}={before}; {settings.SESSION_COOKIE_NAME}={page.login}"
    mine = {"cookie": cookies, "origin": "http://testserver"}
    kept = await http("POST", "/files/?name=a.txt", body=b"Hello", headers=mine)
    assert kept.status == 201
    await here.write("With a file", attachments=[kept.json["uid"]])
    assert (await http("GET", kept.json["url"], headers=mine)).status == 200
    strangers = {"cookie": f"{tokens.COOKIE_NAME}={before}", "origin": "http://testserver"}
    assert (await http("GET", kept.json["url"], headers=strangers)).status == 404


@pytest.mark.parametrize(("hours", "counts"), [(0, True), (23, True), (25, False)])
def test_the_secret_before_counts_for_a_day_where_it_was_changed_with_time(
    monkeypatch: pytest.MonkeyPatch, hours: int, counts: bool
) -> None:
    inbox = Inbox(name="default", identity=Inbox.Identity.JWT, identity_secret="s" * 64)
    before = vouch(inbox, exp=int(time.time()) + 10**6)
    inbox.renew_identity_secret(keep=Inbox.ROTATION)
    now = timezone.now() + timedelta(hours=hours)
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert providers.read_jwt(inbox, vouch(inbox, exp=int(time.time()) + 10**6)).identity.subject == "u-17"
    if counts:
        assert providers.read_jwt(inbox, before).identity.subject == "u-17"
    else:
        with pytest.raises(BridgeError):
            providers.read_jwt(inbox, before)


def test_a_secret_that_was_changed_at_once_counts_no_more_nor_the_one_before_it() -> None:
    inbox = Inbox(name="default", identity=Inbox.Identity.JWT, identity_secret="s" * 64)
    texts = [vouch(inbox)]
    inbox.renew_identity_secret(keep=Inbox.ROTATION)
    texts.append(vouch(inbox))
    inbox.renew_identity_secret()
    for text in texts:
        with pytest.raises(BridgeError):
            providers.read_jwt(inbox, text)
    fresh = Inbox(name="default", identity=Inbox.Identity.JWT)
    fresh.renew_identity_secret(keep=Inbox.ROTATION)
    assert fresh.identity_secrets() == [fresh.identity_secret]
