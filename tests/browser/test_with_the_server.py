"""The page and the real web server, before anybody in Discord is needed."""

import asyncio
import re
import sqlite3
from contextlib import closing

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Arrive, Visitor, is_ready, shoot, words, write
from tests.processes import Site

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

HOSTILE = "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 2'>"
CUT_OFF = re.compile("WebSocket connection|Failed to load resource|ERR_INTERNET_DISCONNECTED")

MOST = 100
"""Messages that are on the page at once, on such a screen."""

SEED = """
from bridge.models import Connection
from bridge.identity.tokens import COOKIE_NAME, issue
from tests.seeding import seed
seed(messages=230, connections=1)
connection = Connection.objects.latest("id")
connection.participants.filter(role="visitor").update(
    visitor=connection.visitor, read_seq=connection.last_seq
)
print("cookie", COOKIE_NAME, issue(connection.visitor).text)
"""


def stored(site: Site, content: str) -> int:
    """How often the database has it."""
    with closing(sqlite3.connect(site.folder / "db.sqlite3")) as database:
        found = database.execute("SELECT count(*) FROM bridge_message WHERE content = ?", [content])
        count: int = found.fetchone()[0]
    return count


async def acknowledged(page: Page, text: str) -> None:
    message = page.locator(".message.own", has_text=text)
    await expect(message).to_have_attribute("data-state", re.compile("sent|delivered|read"))


async def wake(page: Page) -> None:
    """As when the network comes back: it connects now, whatever its backoff says."""
    await page.evaluate("dispatchEvent(new Event('online'))")


async def test_what_was_written_is_there_after_a_reload(visitor: Visitor, site: Site) -> None:
    page = await visitor.open()
    await write(page, "Is anybody there?")
    await write(page, "two\nlines")
    await acknowledged(page, "two")
    assert stored(site, "Is anybody there?") == 1
    await page.reload()
    await is_ready(page)
    await expect(words(page)).to_have_text(["Is anybody there?", "two\nlines"], use_inner_text=True)


async def test_the_visitor_is_known_by_a_cookie_that_no_script_can_read(visitor: Visitor) -> None:
    page = await visitor.open()
    (cookie,) = await visitor.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert cookie["expires"] > 365 * 24 * 3600
    assert await page.evaluate("document.cookie") == ""
    await page.reload()
    (renewed,) = await visitor.context.cookies()
    assert renewed["value"] == cookie["value"]


async def test_a_broken_cookie_makes_a_new_visitor(visitor: Visitor, site: Site) -> None:
    await visitor.context.add_cookies(
        [{"name": "chatbridge_visitor", "value": "forged:token", "url": site.url}]
    )
    await visitor.open()
    (cookie,) = await visitor.context.cookies()
    assert cookie["value"] != "forged:token"


async def test_a_stranger_sees_nothing_of_it(visitor: Visitor, stranger: Visitor) -> None:
    page = await visitor.open()
    theirs = await stranger.open()
    await write(page, "my secret")
    await acknowledged(page, "my secret")
    await write(theirs, "hello")
    await acknowledged(theirs, "hello")
    await theirs.reload()
    await is_ready(theirs)
    await expect(words(theirs)).to_have_text(["hello"])
    await expect(words(page)).to_have_text(["my secret"])


async def test_two_tabs_stay_in_step(visitor: Visitor) -> None:
    one, two = await visitor.open(), await visitor.open()
    await write(one, "from the first tab")
    await expect(words(two)).to_have_text(["from the first tab"])
    await write(two, "from the second tab")
    await write(one, "and again")
    for tab in (one, two):
        await expect(words(tab)).to_have_text(["from the first tab", "from the second tab", "and again"])
        await expect(tab.locator(".message.own[data-state=sent]")).to_have_count(3)


async def test_what_is_written_while_the_server_is_down_is_sent_once_when_it_is_back(
    visitor: Visitor, site: Site
) -> None:
    visitor.expected = CUT_OFF
    page = await visitor.open()
    await write(page, "before")
    await acknowledged(page, "before")
    site.web.kill()
    try:
        await write(page, "while it is down")
        await write(page, "and one more")
        await expect(page.locator("[data-banner]")).to_contain_text("Connection lost")
        await expect(page.locator("[data-presence]")).to_be_empty()
        await shoot(page, "server-down")
        assert stored(site, "while it is down") == 0
    finally:
        site.web.start()
    await wake(page)
    await acknowledged(page, "and one more")
    await expect(page.locator("[data-banner]")).to_be_hidden()
    await expect(words(page)).to_have_text(["before", "while it is down", "and one more"])
    assert [stored(site, text) for text in ("while it is down", "and one more")] == [1, 1]


async def test_offline_text_outlives_the_tab_and_two_tabs_send_it_once(visitor: Visitor, site: Site) -> None:
    visitor.expected = CUT_OFF
    page = await visitor.open()
    other = await visitor.open()
    await write(page, "first")
    for tab in (page, other):
        await acknowledged(tab, "first")
    site.web.kill()
    try:
        await expect(page.locator("[data-chat]")).not_to_have_attribute("data-state", "ready")
        await write(page, "kept on the disk")
        await expect(words(other)).to_have_text(["first", "kept on the disk"])
        await page.close()
    finally:
        site.web.start()
    page = await visitor.open()
    await wake(other)
    for tab in (page, other):
        await acknowledged(tab, "kept on the disk")
        await expect(words(tab)).to_have_text(["first", "kept on the disk"])
    assert stored(site, "kept on the disk") == 1
    assert await page.evaluate("Object.keys(localStorage)") == []


async def test_older_messages_come_in_while_scrolling_up_and_the_place_is_kept(
    visitor: Visitor, site: Site
) -> None:
    name, token = site.manage("shell", "-c", SEED).split("cookie ")[1].split()
    await visitor.context.add_cookies([{"name": name, "value": token, "url": site.url}])
    page = await visitor.open()
    messages = page.locator(".message")
    await expect(messages.last).to_be_in_viewport()
    await messages.first.evaluate("(row) => row.id = 'anchor'")
    await page.locator("[data-scroller]").evaluate("(element) => element.scrollTop = 300")
    seen = page.locator("#anchor")
    before = await seen.bounding_box()
    await expect(messages.first).not_to_have_id("anchor")
    after = await seen.bounding_box()
    assert before is not None
    assert after is not None
    # A heading of its own may go, now that it is no longer the first of its day.
    assert abs(after["y"] - before["y"]) < 60
    while await page.locator("[data-older]").is_visible():
        await page.locator("[data-scroller]").evaluate("(element) => element.scrollTop = 0")
        await page.wait_for_timeout(50)
    await expect(page.locator("[data-welcome]")).to_be_visible()
    # What they have left behind is off the page, and on it again where they go back.
    assert await messages.count() < MOST
    await page.locator("[data-newer]").click()
    await expect(seen).to_have_count(0)
    assert await messages.count() < MOST
    await expect(page.locator("[data-newer]")).to_be_hidden()


async def test_hostile_content_is_text(visitor: Visitor) -> None:
    page = await visitor.open()
    await write(page, HOSTILE)
    await acknowledged(page, "stolen")
    await page.reload()
    await is_ready(page)
    await expect(words(page)).to_have_text([HOSTILE])
    assert await page.evaluate("window.stolen") is None


async def test_an_ended_conversation_says_so_and_writing_starts_another(visitor: Visitor) -> None:
    page = await visitor.open()
    await write(page, "that was all")
    await acknowledged(page, "that was all")
    await page.get_by_role("button", name="End chat").click()
    await page.get_by_role("dialog").get_by_role("button", name="End chat").click()
    await expect(page.get_by_text("This conversation has ended.")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("This conversation has ended.")).to_be_visible()
    await write(page, "one more thing")
    await acknowledged(page, "one more thing")
    await expect(page.get_by_text("This conversation has ended.")).to_be_hidden()


async def test_a_browser_that_is_offline_says_so(visitor: Visitor) -> None:
    visitor.expected = CUT_OFF
    page = await visitor.open()
    await visitor.context.set_offline(True)
    await expect(page.locator("[data-banner]")).to_contain_text("You are offline.")
    await write(page, "from the tunnel")
    await expect(page.locator(".message.own")).to_have_attribute("data-state", "queued")
    await shoot(page, "offline")
    await visitor.context.set_offline(False)
    await acknowledged(page, "from the tunnel")
    await expect(page.locator("[data-banner]")).to_be_hidden()


async def test_a_chat_that_does_not_exist_is_a_page_that_says_so(arrive: Arrive) -> None:
    visitor = await arrive()
    visitor.expected = re.compile("404")
    page = await visitor.open("/?inbox=nowhere", ready=False)
    await expect(page.get_by_role("heading")).to_have_text("There is no chat here")


SIGN_OUT = """
from bridge import api
from bridge.identity import tokens
api.revoke_visitor(tokens.read("{token}").visitor)
"""
REQUIRE = """
from bridge.models import Inbox
Inbox.objects.update(identity="{identity}", identity_required={required})
"""


async def test_who_is_signed_out_is_told_and_begins_anew(
    visitor: Visitor, stranger: Visitor, site: Site
) -> None:
    page, theirs = await visitor.open(), await stranger.open()
    await write(page, "from a computer that I lost")
    await acknowledged(page, "lost")
    (cookie,) = await visitor.context.cookies()
    await asyncio.to_thread(site.manage, "shell", "-c", SIGN_OUT.format(token=cookie["value"]))
    await expect(page.locator("[data-banner]")).to_contain_text("out of date")
    await page.get_by_role("button", name="Reload").click()
    await is_ready(page)
    await expect(words(page)).to_have_count(0)
    await write(page, "somebody else")
    await acknowledged(page, "somebody else")
    await write(theirs, "still here")
    await acknowledged(theirs, "still here")


async def test_a_chat_for_known_users_asks_everybody_else_to_sign_in(visitor: Visitor, site: Site) -> None:
    require = REQUIRE.format(identity="login", required=True)
    await asyncio.to_thread(site.manage, "shell", "-c", require)
    try:
        page = await visitor.context.new_page()
        await page.goto(site.url)
        await expect(page.locator("[data-banner]")).to_contain_text("Please sign in")
    finally:
        require = REQUIRE.format(identity="off", required=False)
        await asyncio.to_thread(site.manage, "shell", "-c", require)
