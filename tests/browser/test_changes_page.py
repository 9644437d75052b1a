"""What a visitor can do with a message on the page, before a server that does what the test says."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Arrive, Visitor, is_ready, load, shoot, words, write
from tests.browser.scripted import Refused, Script

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

HOSTILE = "<img src=x onerror='window.stolen = 1'><b>bold</b>"


def message(page: Page, text: str) -> Locator:
    return page.locator(".message", has_text=text)


def tool(page: Page, text: str, name: str) -> Locator:
    return message(page, text).get_by_role("button", name=name, exact=True)


def composer(page: Page) -> Locator:
    return page.get_by_label("Your message")


async def test_an_own_message_is_edited_and_says_so(page: Page, visitor: Visitor, server: Script) -> None:
    server.say(server.visitor, "Is it opne?")
    server.say(server.ada, "Yes")
    await load(page, visitor)
    await composer(page).fill("half a thought")
    await message(page, "Is it opne?").hover()
    await tool(page, "Is it opne?", "Edit").click()
    await expect(page.locator("[data-intent]")).to_contain_text("Editing your message")
    await expect(composer(page)).to_have_value("Is it opne?")
    await shoot(page, "editing")
    await composer(page).fill("Is it open?")
    await composer(page).press("Enter")
    await expect(words(page)).to_have_text(["Is it open?", "Yes"])
    await expect(message(page, "Is it open?").locator("[data-edited]")).to_be_visible()
    await expect(composer(page)).to_have_value("half a thought")
    (edit,) = server.commands("message.edit")
    assert edit == {"message": server.messages[0]["uid"], "content": "Is it open?"}


async def test_what_others_wrote_can_be_answered_and_not_changed(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.visitor, "long ago", minutes_ago=16)
    server.say(server.ada, "from the team")
    await load(page, visitor)
    for text in ("long ago", "from the team"):
        await message(page, text).hover()
        await expect(tool(page, text, "Reply")).to_be_visible()
        await expect(tool(page, text, "Edit")).to_be_hidden()
        await expect(tool(page, text, "Delete")).to_be_hidden()


async def test_the_buttons_go_when_the_time_is_over(page: Page, visitor: Visitor, server: Script) -> None:
    await page.clock.install()
    server.say(server.visitor, "nearly too late", minutes_ago=10)
    await load(page, visitor)
    await message(page, "nearly too late").hover()
    await expect(tool(page, "nearly too late", "Edit")).to_be_visible()
    server.ahead = timedelta(minutes=6)
    await page.clock.run_for(6 * 60_000)
    await expect(tool(page, "nearly too late", "Edit")).to_be_hidden()
    await expect(tool(page, "nearly too late", "Delete")).to_be_hidden()


async def test_arrow_up_edits_the_latest_own_message_and_escape_leaves_it(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.visitor, "first")
    server.say(server.visitor, "second")
    server.say(server.ada, "an answer")
    await load(page, visitor)
    await composer(page).press("ArrowUp")
    await expect(composer(page)).to_have_value("second")
    await composer(page).press("Escape")
    await expect(composer(page)).to_have_value("")
    await expect(page.locator("[data-intent]")).to_be_hidden()
    assert server.commands("message.edit") == []


async def test_a_deletion_is_asked_for_and_leaves_a_tombstone(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.visitor, "my address is")
    await load(page, visitor)
    await message(page, "my address is").hover()
    await tool(page, "my address is", "Delete").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("my address is")
    await dialog.get_by_role("button", name="Keep it").click()
    await expect(words(page)).to_have_text(["my address is"])
    await message(page, "my address is").hover()
    await tool(page, "my address is", "Delete").click()
    await shoot(page, "deleting")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(words(page)).to_have_text(["This message was deleted"])
    await expect(page.locator("[data-tools]:visible")).to_have_count(0)
    assert len(server.commands("message.delete")) == 1


async def test_a_reply_quotes_what_it_answers_and_follows_its_changes(
    page: Page, visitor: Visitor, server: Script
) -> None:
    asked = server.say(server.ada, f"Which size? {HOSTILE}")
    await load(page, visitor)
    await message(page, "Which size?").hover()
    await tool(page, "Which size?", "Reply").click()
    await expect(page.locator("[data-intent]")).to_contain_text("Replying to Ada Lovelace: Which size?")
    await shoot(page, "replying")
    await write(page, "Medium")
    quote = page.locator(".message.own [data-quote]")
    await expect(quote).to_contain_text(f"Which size? {HOSTILE}")
    assert (await server.wait_for("message.send"))[0]["reply_to"] == asked["uid"]
    await expect(page.locator("[data-intent]")).to_be_hidden()
    server.announce(
        "message.edited", server.change(asked, content="Which colour?", edited_at="2026-01-01T00:00:00Z")
    )
    await expect(quote).to_contain_text("Which colour?")
    server.announce("message.deleted", server.change(asked, content="", deleted_at="2026-01-01T00:00:00Z"))
    await expect(quote).to_contain_text("This message was deleted")
    assert await page.evaluate("window.stolen") is None


async def test_a_quote_leads_to_a_message_of_long_ago(page: Page, visitor: Visitor, server: Script) -> None:
    first = server.say(server.visitor, "the very first", minutes_ago=500)
    for number in range(300):
        server.say(server.ada, f"message {number}", minutes_ago=400)
    server.say(server.ada, "about that", reply_to=server.quote(first["uid"]))
    # All is read: otherwise the page opens at the first new message, far from the quote.
    server.read_seq = len(server.messages)
    await load(page, visitor)
    await page.locator("[data-quote]:visible").click()
    target = message(page, "the very first").first
    await expect(target).to_be_in_viewport()
    await expect(target).to_have_class(re.compile("found"))
    await expect(target).to_be_focused()
    await shoot(page, "jumped")


async def test_a_change_waits_for_the_connection_and_a_refused_one_says_why(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.visitor, "one")
    server.silent.add("message.edit")
    await load(page, visitor)
    await composer(page).press("ArrowUp")
    await composer(page).fill("two")
    await composer(page).press("Enter")
    own = page.locator(".message.own")
    await expect(own).to_contain_text("Saving…")
    await expect(words(page)).to_have_text(["two"])
    server.silent.clear()
    server.refuse["message.edit"] = [Refused("not_permitted", window=900)]
    await page.reload()
    await is_ready(page)
    await expect(own).to_contain_text("Not changed")
    await expect(own).to_contain_text("You can no longer change this message.")
    await expect(words(page)).to_have_text(["one"])
    await shoot(page, "not-changed")
    await own.get_by_role("button", name="Try again").click()
    await expect(words(page)).to_have_text(["two"])
    assert await page.evaluate("Object.keys(localStorage)") == []


async def test_a_change_that_the_teams_side_refused_says_so(
    page: Page, visitor: Visitor, server: Script
) -> None:
    message = server.say(server.visitor, "rude", state="delivered")
    server.say(server.visitor, "later")
    await load(page, visitor)
    own = page.locator(".message.own").first
    server.announce("message.failed", server.change(message, failure="blocked_by_automod"))
    await expect(own).to_contain_text("The team has not received this change")
    await expect(own).to_contain_text("The team’s word filter blocked it.")
    await expect(own.get_by_role("button", name="Try again")).to_be_hidden()
    await shoot(page, "change-refused")
    server.announce("message.delivered", server.change(message, failure=""))
    await expect(own).not_to_contain_text("The team has not received this change")


async def test_a_reply_to_what_was_deleted_meanwhile_can_be_sent_without_it(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.ada, "gone in a moment")
    await load(page, visitor)
    await message(page, "gone in a moment").hover()
    await tool(page, "gone in a moment", "Reply").click()
    server.refuse["message.send"] = [Refused("not_found", reply_to=server.messages[0]["uid"])]
    await write(page, "Thanks")
    own = page.locator(".message.own")
    await expect(own).to_contain_text("The message you replied to was deleted.")
    await own.get_by_role("button", name="Try again").click()
    await expect(own).to_have_attribute("data-state", "sent")
    assert [each["reply_to"] for each in server.commands("message.send")] == [server.messages[0]["uid"], None]


async def test_without_a_pointer_the_buttons_come_up_by_one_of_their_own(
    arrive: Arrive, server: Script
) -> None:
    visitor = await arrive(viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    page = await visitor.open("/static/bridge/icon.svg", ready=False)
    await server.serve(page)
    server.say(server.ada, "Hello, how can we help you today? We are here until six in the evening.")
    server.say(server.visitor, "My order has not come yet, and it is the third time that this has happened.")
    await load(page, visitor)
    own = message(page, "My order")
    await expect(own.get_by_role("button", name="Reply")).to_be_hidden()
    await own.get_by_role("button", name="More").tap()
    await expect(own.get_by_role("button", name="Edit")).to_be_visible()
    await shoot(page, "tools-phone")
    await own.get_by_role("button", name="Edit").tap()
    await expect(composer(page)).to_have_value(re.compile("My order"))
    await page.get_by_role("button", name="Cancel").tap()
    await expect(composer(page)).to_have_value("")


@pytest.mark.parametrize(
    "text", ["Hm", "It is the third time that this has happened, and nobody told me why it is so."]
)
async def test_without_a_pointer_the_buttons_are_on_the_screen_however_long_the_message(
    arrive: Arrive, server: Script, text: str
) -> None:
    visitor = await arrive(viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    page = await visitor.open("/static/bridge/icon.svg", ready=False)
    await server.serve(page)
    server.say(server.visitor, "My order")
    server.say(server.visitor, text)
    await load(page, visitor)
    own = message(page, text)
    await own.get_by_role("button", name="More").tap()
    for name in ("Reply", "React", "Edit", "Delete"):
        await expect(own.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    wide = "each => each.scrollWidth > each.clientWidth"
    assert not await page.locator("[data-scroller]").evaluate(wide)  # nor does it move sideways


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("width", [320, 1280])
async def test_the_buttons_stand_beside_the_bubble_whatever_is_below_it(
    page: Page, visitor: Visitor, server: Script, width: int, direction: str
) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    hearts = [{"emoji": emoji, "count": 1} for emoji in ("❤️", "🧡", "💛", "💚")]
    server.say(server.visitor, "Hm", state="failed", failure="unknown")
    server.say(server.visitor, "مرحبا", state="delivered", reactions=hearts)
    server.say(server.ada, "Ok", reactions=hearts)
    server.say(server.visitor, "It is the third time that this has happened. " * 3, state="failed")
    await load(page, visitor)
    await page.evaluate("direction => (document.documentElement.dir = direction)", direction)
    for text in ("Hm", "مرحبا", "Ok", "It is the third"):
        bubble, tools = await message(page, text).evaluate(
            "each => ['bubble', 'tools'].map((name) => each.querySelector(`[data-${name}]`).getBoundingClientRect())"
        )
        assert bubble["top"] <= tools["top"]
        assert tools["bottom"] <= bubble["bottom"] + 1
        left, right = sorted((bubble, tools), key=lambda box: float(box["left"]))
        assert 0 <= right["left"] - left["right"] < 12
    await shoot(page, f"buttons-{width}-{direction}")


async def test_the_keyboard_reaches_every_button_of_every_message(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.ada, "first")
    server.say(server.visitor, "second")
    await load(page, visitor)
    await expect(composer(page)).to_be_focused()
    # Past the button that chooses files.
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+Tab")
    await expect(tool(page, "second", "Reply")).to_be_focused()
    for name in ("React", "Edit"):
        await page.keyboard.press("ArrowRight")
        await expect(tool(page, "second", name)).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(tool(page, "first", "Reply")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(composer(page)).to_be_focused()
