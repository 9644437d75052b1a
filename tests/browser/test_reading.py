"""What a reader sees, hears and has read: where the page begins, what is told aloud, and that it stays quick."""

import re
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Arrive, Visitor, load, shoot, words, write
from tests.browser.scripted import Refused, Script

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

HIDE = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
BACK = HIDE % "false" + "document.dispatchEvent(new Event('visibilitychange'))"
BELOW = "({scrollHeight, scrollTop, clientHeight}) => scrollHeight - scrollTop - clientHeight"
MOST = 100
"""Messages that are on the page at once, on such a screen."""


def scroller(page: Page) -> Locator:
    return page.locator("[data-scroller]")


def said(page: Page, text: str) -> Locator:
    return words(page).get_by_text(text, exact=True)


def talk(server: Script, count: int, *, read: int) -> None:
    for number in range(1, count + 1):
        server.say(server.ada, f"message {number}")
    server.read_seq = read


async def test_it_opens_at_the_first_of_thirty_missed_messages_and_reads_what_comes_into_view(
    page: Page, visitor: Visitor, server: Script
) -> None:
    talk(server, 40, read=10)
    await load(page, visitor)
    line = page.locator(".row.unread")
    await expect(line).to_have_text("30 new messages")
    await expect(line).to_be_in_viewport()
    await expect(said(page, "message 11")).to_be_in_viewport()
    await expect(said(page, "message 40")).not_to_be_in_viewport()
    (first,) = await server.wait_for("receipt.read")
    assert 11 <= first["seq"] < 40
    left = 40 - first["seq"]
    await expect(page).to_have_title(f"({left}) Chat with us")
    await expect(page.locator("[data-newer]")).to_have_text(f"{left} new messages")
    await shoot(page, "thirty-missed")
    # What comes while they are reading moves neither them nor the line.
    server.answer("message 41")
    await expect(line).to_have_text("31 new messages")
    await expect(line).to_be_in_viewport()
    assert len(server.commands("receipt.read")) == 1
    seen = [first["seq"]]
    while await scroller(page).evaluate(BELOW) > 2:
        await scroller(page).hover()
        await page.mouse.wheel(0, 150)
        await page.wait_for_timeout(100)
    await expect(page).to_have_title("Chat with us")
    await expect(line).to_have_text("31 new messages")
    # A receipt now and then, and the last one says it all.
    while seen[-1] < 41:
        seen = [each["seq"] for each in await server.wait_for("receipt.read", len(seen) + 1)]
    assert seen == sorted(set(seen))
    # Their own words end it.
    await write(page, "Thank you")
    await expect(line).to_be_hidden()


@pytest.mark.parametrize(
    ("count", "line"),
    [(260, "200 new messages"), (900, "More than 350 new messages")],
    ids=["a few pages back", "further back than is loaded"],
)
async def test_it_opens_at_what_was_missed_further_back_than_the_newest_page(
    page: Page, visitor: Visitor, server: Script, count: int, line: str
) -> None:
    talk(server, count, read=60)
    await load(page, visitor)
    await expect(page.locator(".row.unread")).to_have_text(line)
    await expect(page.locator(".row.unread")).to_be_in_viewport()
    assert server.read_seq < count
    await page.locator("[data-newer]").click()
    await expect(said(page, f"message {count}")).to_be_in_viewport()
    await expect(page).to_have_title("Chat with us")


async def test_what_comes_while_nobody_looks_is_begun_with_when_they_are_back(
    page: Page, visitor: Visitor, server: Script
) -> None:
    talk(server, 20, read=20)
    await load(page, visitor)
    assert await scroller(page).evaluate(BELOW) < 2
    await page.evaluate(HIDE % "true")
    for number in range(30):
        server.answer(f"missed {number}")
    await expect(page).to_have_title("(30) Chat with us")
    assert server.commands("receipt.read") == []
    await page.evaluate(BACK)
    await expect(page.locator(".row.unread")).to_have_text("30 new messages")
    await expect(said(page, "missed 0")).to_be_in_viewport()
    (receipt,) = await server.wait_for("receipt.read")
    assert 21 <= receipt["seq"] < 50


async def test_history_comes_in_without_being_read_aloud_and_news_are(
    page: Page, visitor: Visitor, server: Script
) -> None:
    talk(server, 400, read=400)
    await page.add_init_script(
        """
        window.heard = [];
        addEventListener("DOMContentLoaded", () => {
          const log = document.querySelector("[data-log]");
          new MutationObserver((changes) => {
            for (const { addedNodes } of changes)
              for (const row of addedNodes)
                if (log.ariaBusy !== "true" && row.matches?.(".message, .gap"))
                  heard.push(row.querySelector("[data-words]").textContent);
          }).observe(log, { childList: true, subtree: true });
        });
        """
    )
    await load(page, visitor)
    await expect(said(page, "message 400")).to_be_in_viewport()
    # Up to the beginning, which takes what is below off the page, and down again.
    for text, top in (("message 1", "0"), ("message 400", "element.scrollHeight")):
        while not await said(page, text).is_visible():
            await scroller(page).evaluate(f"(element) => element.scrollTop = {top}")
            await page.wait_for_timeout(30)
    while await scroller(page).evaluate(BELOW) > 2:
        await scroller(page).evaluate("(element) => element.scrollTop = element.scrollHeight")
        await page.wait_for_timeout(30)
    log = page.locator("[data-log]")
    await expect(log).to_have_attribute("aria-busy", "false")
    assert await page.evaluate("heard") == []
    server.answer("That is news")
    await expect(said(page, "That is news")).to_be_in_viewport()
    assert await page.evaluate("heard") == ["That is news"]


async def test_a_name_is_said_once_for_what_one_says_in_a_row(
    page: Page, visitor: Visitor, server: Script
) -> None:
    for text in ("one", "two"):
        server.say(server.ada, text)
    for text in ("three", "four"):
        server.say(server.visitor, text)
    server.say(server.ada, "five")
    await load(page, visitor)
    heard = await page.get_by_role("log").aria_snapshot()
    assert heard.count("Ada Lovelace") == 2
    assert heard.count("You") == 1
    server.answer("six")
    await expect(said(page, "six")).to_be_in_viewport()
    assert (await page.get_by_role("log").aria_snapshot()).count("Ada Lovelace") == 2


async def test_a_thousand_messages_keep_the_page_small_and_each_costs_the_same(
    page: Page, visitor: Visitor, server: Script
) -> None:
    count = 1_000
    talk(server, count, read=count)
    await load(page, visitor)
    await expect(said(page, f"message {count}")).to_be_in_viewport()
    await page.evaluate(
        """
        () => {
          window.drawn = 0; window.most = 0; window.nodes = 0;
          const rows = document.querySelector("[data-rows]");
          new MutationObserver((changes) => {
            for (const { addedNodes } of changes) drawn += addedNodes.length;
            most = Math.max(most, rows.children.length);
            nodes = Math.max(nodes, rows.querySelectorAll("*").length);
          }).observe(rows, { childList: true });
        }
        """
    )
    while not await said(page, "message 1").is_visible():
        await scroller(page).evaluate("(element) => element.scrollTop = 0")
        await page.wait_for_timeout(10)
    drawn = await page.evaluate("drawn")
    assert drawn < 1.2 * count  # each once; a heading of a day's beginning moves with the first
    assert await page.evaluate("most") <= MOST + 10
    nodes = await page.evaluate("nodes")
    # What comes at the end is not drawn while they are at the beginning; back there, it is.
    server.answer("the last one")
    await expect(page.locator("[data-newer]")).to_contain_text("1 new message")
    assert await page.evaluate("drawn") == drawn
    await page.locator("[data-newer]").click()
    await expect(said(page, "the last one")).to_be_in_viewport()
    assert await page.evaluate("nodes") <= nodes * 1.1
    # A message is one row more and one less, however many there were.
    before = await page.evaluate("drawn")
    for number in range(10):
        server.answer(f"more {number}")
    await expect(said(page, "more 9")).to_be_in_viewport()
    assert await page.evaluate("drawn") - before <= 20
    # The keyboard does not lose its place where its message leaves the page.
    await page.locator(".message [data-tool=reply]:visible, .message [data-more]:visible").last.focus()
    while not await said(page, "message 1").is_visible():
        await scroller(page).evaluate("(element) => element.scrollTop = 0")
        await page.wait_for_timeout(10)
    assert await page.evaluate("document.activeElement.closest('[data-scroller]') !== null")


DRAWN = """
() => new Promise((done) => {
  let changed = 0;
  const watch = new MutationObserver((changes) => (changed += changes.length));
  watch.observe(document.querySelector("[data-rows]"), { childList: true });
  let frames = 20;
  const next = () => (frames-- ? requestAnimationFrame(next) : (watch.disconnect(), done(changed)));
  next();
})
"""


@pytest.mark.parametrize("height", [500, 2600])
async def test_a_screen_is_filled_and_the_page_comes_to_rest(
    page: Page, visitor: Visitor, server: Script, height: int
) -> None:
    talk(server, 400, read=400)
    await page.set_viewport_size({"width": 1280, "height": height})
    await load(page, visitor)
    await expect(said(page, "message 400")).to_be_in_viewport()
    for text in ("message 330", "message 200"):
        while not await said(page, text).is_visible():
            await scroller(page).evaluate("(element) => element.scrollTop -= element.clientHeight")
            await page.wait_for_timeout(20)
    while await page.evaluate(DRAWN):
        pass
    above, below = await scroller(page).evaluate(
        "(element) => [element.scrollTop, element.scrollHeight - element.scrollTop - element.clientHeight]"
    )
    assert min(above, below) > 300


async def test_who_writes_many_lines_stays_at_the_end(page: Page, visitor: Visitor, server: Script) -> None:
    talk(server, 30, read=30)
    await load(page, visitor)
    text = page.get_by_label("Your message")
    await text.fill("one\ntwo\nthree\nfour\nfive")
    await text.press_sequentially(" six")
    assert await scroller(page).evaluate(BELOW) < 2
    server.answer("message 31")
    await expect(said(page, "message 31")).to_be_in_viewport()
    await expect(page.locator("[data-newer]")).to_be_hidden()


async def asked_again(page: Page, server: Script) -> int:
    """Lets the page's clock go on until it asks for a session once more. Returns for how long, in milliseconds."""
    asked, waited = len(server.commands("session.start")), 0
    while len(server.commands("session.start")) == asked:
        assert waited < 320_000
        await page.clock.run_for(1_000)
        waited += 1_000
    return waited


async def test_who_may_not_write_is_told_at_the_composer_and_goes_on_when_that_is_over(
    page: Page, visitor: Visitor, server: Script
) -> None:
    await page.clock.install()
    server.say(server.ada, "hello")
    await load(page, visitor)
    text = page.get_by_label("Your message")
    await text.fill("half a sentence")
    server.refuse["session.start"] = [Refused("blocked")] * 5
    await server.close(1012)
    await page.clock.run_for(2_000)
    await expect(text).to_be_disabled()
    await expect(page.get_by_role("button", name="Send")).to_be_disabled()
    await expect(page.locator("[data-barred]")).to_contain_text("while you are blocked")
    described = await text.get_attribute("aria-describedby") or ""
    assert "barred" in described.split()
    await shoot(page, "barred")
    # Now and then it asks, less and less often.
    waited = [await asked_again(page, server) for _ in range(4)]
    # The first was not refused before it asked: so long it waits at least.
    assert min(waited) >= 9_000
    assert not server.refuse["session.start"]
    await expect(text).to_be_disabled()
    await asked_again(page, server)
    await expect(text).to_be_enabled()
    await expect(page.locator("[data-barred]")).to_be_hidden()
    await expect(page.locator("[data-banner]")).to_be_hidden()
    await expect(text).to_be_focused()
    await expect(text).to_have_value("half a sentence")
    await text.press("Enter")
    await server.wait_for("message.send")


COMPOSE = """
(element, [key, word]) => element.dispatchEvent(new KeyboardEvent(
  "keydown", {key, bubbles: true, cancelable: true, ...(word === 229 ? {keyCode: 229} : {isComposing: true})}))
"""


@pytest.mark.parametrize("word", ["isComposing", 229], ids=["as it should be", "Safari"])
async def test_what_an_input_method_does_with_its_keys_is_nothing_to_the_page(
    page: Page, visitor: Visitor, server: Script, word: object
) -> None:
    server.say(server.ada, "hello")
    await load(page, visitor)
    await page.locator(".message").hover()
    await page.get_by_role("button", name="Reply").click()
    text = page.get_by_label("Your message")
    await text.fill("こん")
    for key in ("Escape", "Enter"):
        await text.evaluate(COMPOSE, [key, word])
    await expect(page.locator("[data-intent]")).to_be_visible()
    await expect(text).to_have_value("こん")
    assert server.commands("message.send") == []
    await page.locator(".message").hover()
    await page.get_by_role("button", name="React").click()
    search = page.locator("emoji-picker input")
    await expect(search).to_be_focused()
    await search.evaluate(COMPOSE, ["Escape", word])
    await expect(page.locator("[data-picker]")).to_be_visible()
    # It closes with the focus that leaves it, whereto it may be.
    await text.focus()
    await expect(page.locator("[data-picker]")).to_be_hidden()
    await expect(text).to_be_focused()
    await text.press("Escape")
    await expect(page.locator("[data-intent]")).to_be_hidden()


async def test_the_picker_closes_when_tab_leaves_it_and_not_while_one_moves_in_it(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.ada, "hello")
    await load(page, visitor)
    await page.locator(".message").hover()
    await page.get_by_role("button", name="React").click()
    picker = page.locator("[data-picker]")
    await expect(page.locator("emoji-picker input")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.locator("emoji-picker").get_by_role("tab").nth(2).click()
    await page.locator("[data-picker-text]").evaluate("(element) => element.parentElement.focus()")
    await expect(picker).to_be_visible()
    await page.locator("emoji-picker input").focus()
    await page.keyboard.press("Shift+Tab")
    await expect(picker).to_be_hidden()


async def test_after_the_end_of_the_chat_the_focus_is_where_it_says_so(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.visitor, "That was all")
    await load(page, visitor)
    await page.get_by_role("button", name="End chat").click()
    await page.get_by_role("dialog").get_by_role("button", name="End chat").click()
    ended = page.get_by_text("This conversation has ended.")
    await expect(ended).to_be_focused()
    for _ in range(2):  # to the files, and to the text
        await page.keyboard.press("Tab")
    await page.keyboard.type("one more thing")
    await expect(page.get_by_label("Your message")).to_have_value("one more thing")


async def test_a_page_that_is_ahead_of_a_restored_database_starts_over(
    page: Page, visitor: Visitor, server: Script
) -> None:
    talk(server, 30, read=30)
    server.silent.add("message.send")
    await load(page, visitor)
    await write(page, "on its way")
    await page.get_by_label("Your message").fill("a draft")
    (sent,) = await server.wait_for("message.send")
    # The database is one of yesterday: 25 messages less, and of the 5 one says something else.
    server.restore(5)
    server.change(server.messages[4], content="as it was yesterday")
    server.silent.clear()
    await page.evaluate("dispatchEvent(new Event('online'))")  # a ping, at once
    await expect(words(page).nth(4)).to_have_text("as it was yesterday")
    await expect(words(page)).to_have_count(6)
    await expect(page.get_by_label("Your message")).to_have_value("a draft")
    # It hears what comes now, though its revisions are ones that it had seen before, and counts it as unread.
    await page.evaluate(HIDE % "true")
    server.answer("after the restart")
    await expect(said(page, "after the restart")).to_have_count(1)
    await expect(page).to_have_title("(1) Chat with us")
    await page.evaluate(BACK)
    await expect(page).to_have_title("Chat with us")
    syncs = len(server.commands("connection.sync"))
    # The same with a new session, as after the server's own restart.
    server.restore(3)
    await server.close(1012)
    await expect(page.locator(".message.own[data-state=sent]")).to_have_text([re.compile("on its way")])
    await expect(words(page)).to_have_text(["message 1", "message 2", "message 3", "on its way"])
    assert {each["client_id"] for each in server.commands("message.send")} == {sent["client_id"]}
    await page.wait_for_timeout(1500)  # longer than a hole may stay open
    assert len(server.commands("connection.sync")) <= syncs + 2


@pytest.mark.parametrize("hours", [-25, 25])
async def test_a_device_whose_clock_is_wrong_follows_the_servers(
    page: Page, visitor: Visitor, server: Script, hours: int
) -> None:
    server.say(server.visitor, "too long ago", minutes_ago=16)
    server.say(server.ada, "good morning")
    server.say(server.visitor, "just now")
    await page.clock.set_fixed_time(time.time() * 1000 + hours * 3_600_000)
    await load(page, visitor)
    own = page.locator(".message.own")
    await expect(own.last.locator("[data-tool=edit]")).not_to_have_attribute("hidden", "")
    await expect(own.first.locator("[data-tool=edit]")).to_have_attribute("hidden", "")
    server.silent.add("message.send")
    await write(page, "on its way")
    # In the first quarter of an hour of a day the first message is yesterday's.
    now = datetime.now().astimezone()
    days = ["Today"] if (now - timedelta(minutes=16)).date() == now.date() else ["Yesterday", "Today"]
    await expect(page.locator(".row.day")).to_have_text([re.compile(day) for day in days])


@pytest.mark.parametrize("scale", [100, 200], ids=["400 %", "and 200 % text"])
async def test_enlarged_the_conversation_stays_readable_and_the_composer_within_reach(
    arrive: Arrive, server: Script, scale: int
) -> None:
    size = {"width": 320, "height": 256} if scale == 100 else {"width": 390, "height": 844}
    visitor = await arrive(viewport=size)
    page = await visitor.open("/static/bridge/icon.svg", ready=False)
    await server.serve(page)
    server.email_after = 300
    talk(server, 12, read=12)
    await load(page, visitor)
    await page.evaluate(f"document.documentElement.style.fontSize = '{scale}%'")
    text = page.get_by_label("Your message")

    async def usable(name: str) -> None:
        await shoot(page, f"large-{scale}-{name}")
        area: Any = await scroller(page).bounding_box()
        box: Any = await text.bounding_box()
        assert area["height"] >= 0.3 * size["height"]
        assert box["y"] >= area["y"] + area["height"] - 1
        assert box["y"] + min(box["height"], 24) <= size["height"]
        assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]

    await usable("begin")
    await text.fill("word " * 100)
    await usable("writing")
    await page.locator(".message").last.hover()
    reply = page.locator(".message").last.locator("[data-tool=reply]")
    await reply.evaluate("(button) => button.click()")
    await page.evaluate("dispatchEvent(new Event('offline'))")
    await page.locator("[data-email-open]").evaluate("(button) => button.click()")
    await usable("all at once")
    await page.get_by_role("button", name="Cancel", exact=True).first.evaluate("(button) => button.click()")
    await page.get_by_role("button", name="End chat").evaluate("(button) => button.click()")
    for button in await page.get_by_role("dialog").get_by_role("button").all():
        await button.scroll_into_view_if_needed()
        await expect(button).to_be_in_viewport()
    await shoot(page, f"large-{scale}-dialog")
