"""A late answer, from Discord to the page: a hint, the list, the conversation it belongs to, and the way back."""

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from bridge.sandbox.client import SandboxClient
from tests.browser.conftest import Arrive, Visitor, conversation, is_ready, shoot, words, write

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 640}, "color_scheme": "dark"}


async def end(page: Page) -> None:
    await page.locator("[data-end]").click()
    await page.locator("[data-ask]").get_by_role("button", name="End chat").click()
    await expect(page.locator("[data-closed]")).to_be_visible()


async def two(page: Page, discord: SandboxClient, about: str) -> str:
    """A conversation that has ended, and an open one after it. Returns the first one's thread."""
    thread = await conversation(page, discord, f"Where is my {about}?")
    await end(page)
    await expect(page.locator(".row.notice")).to_have_text("You ended the chat")
    await conversation(page, discord, f"Not about the {about}")
    await expect(words(page)).to_have_text([f"Not about the {about}"])
    return str(thread["id"])


async def test_a_late_answer_is_found_read_and_answered(
    arrive: Arrive, discord: SandboxClient, stranger: Visitor
) -> None:
    visitor = await arrive(**PHONE)
    page = await visitor.open()
    thread = await two(page, discord, "parcel")
    said = [each["content"] for each in await discord.messages(thread)]
    assert said[-1] == "-# The visitor ended the chat."
    other = await stranger.open()
    await conversation(other, discord, "Somebody else")
    await discord.post_as("ada", thread, "It comes tomorrow.")
    hint = page.locator("[data-earlier-hint]")
    await expect(hint).to_contain_text("New answer in an earlier conversation.")
    await expect(page).to_have_title(re.compile(r"^\(1\) "))
    # It does not push aside what is being read.
    await expect(words(page)).to_have_text(["Not about the parcel"])
    await shoot(page, "late-answer-phone-dark")
    # Who comes back later is told, too.
    await page.reload()
    await is_ready(page)
    await expect(hint).to_be_visible()
    toggle = page.locator("[data-earlier-toggle]")
    await toggle.focus()
    await page.keyboard.press("Enter")
    rows = page.locator(".earlier-row")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0)).to_contain_text("Where is my parcel?")
    await expect(rows.nth(0)).to_contain_text("1 new message")
    await expect(page.get_by_role("heading", name="Your conversations")).to_be_focused()
    await shoot(page, "earlier-list-phone-dark")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Close the list")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(words(page)).to_have_text(["Where is my parcel?", "It comes tomorrow."])
    await expect(page.locator("[data-earlier-visit]")).to_be_visible()
    await expect(hint).to_be_hidden()
    await expect(page).not_to_have_title(re.compile(r"^\("))
    await expect(page.get_by_label("Your message")).to_be_focused()
    await shoot(page, "earlier-read-phone-dark")
    # A newer one is open: what is written here goes there, below what it answers.
    await write(page, "Thank you!")
    await expect(words(page).nth(1)).to_contain_text("Thank you!")
    await expect(words(page).nth(1)).to_contain_text("It comes tomorrow.")
    await expect(page.locator("[data-earlier-visit]")).to_be_hidden()
    # Nobody else's page has any of it.
    await expect(other.locator("[data-earlier-hint]")).to_be_hidden()
    await expect(other.locator("[data-earlier-toggle]")).to_be_hidden()


async def test_an_earlier_conversation_goes_on_where_none_is_open_and_the_way_back_is_there(
    visitor: Visitor, discord: SandboxClient
) -> None:
    page = await visitor.open()
    thread = await two(page, discord, "order")
    await end(page)
    await page.locator("[data-earlier-toggle]").click()
    await page.locator(".earlier-row", has_text="Where is my order?").click()
    await expect(words(page)).to_have_text(["Where is my order?"])
    await expect(page.locator("[data-closed]")).to_contain_text("Write here to reopen it")
    await page.locator("[data-earlier-back]").click()
    await expect(words(page)).to_have_text(["Not about the order"])
    await page.locator("[data-earlier-toggle]").click()
    await page.keyboard.press("Escape")
    await expect(page.locator("[data-earlier]")).to_be_hidden()
    await expect(page.locator("[data-earlier-toggle]")).to_be_focused()
    await page.locator("[data-earlier-toggle]").click()
    await shoot(page, "earlier-list")
    await page.locator(".earlier-row", has_text="Where is my order?").click()
    await write(page, "Still waiting")
    await expect(page.locator(".message.own", has_text="Still waiting")).to_have_attribute(
        "data-state", re.compile("delivered|read")
    )
    await expect(page.locator("[data-closed]")).to_be_hidden()
    await expect(page.locator(".row.notice")).to_have_text(["You ended the chat", "You reopened the chat"])
    said = [each["content"] for each in await discord.messages(thread)]
    assert said[-2:] == ["-# The visitor reopened the chat.", "Still waiting"]
    await discord.post_as("ada", thread, "Here we are again.")
    await expect(words(page).last).to_have_text("Here we are again.")
    await page.reload()
    await is_ready(page)
    await expect(words(page).first).to_have_text("Where is my order?")


async def test_a_link_in_a_mail_leads_to_its_conversation(visitor: Visitor, discord: SandboxClient) -> None:
    page = await visitor.open()
    await two(page, discord, "bill")
    listed = page.locator(".earlier-row", has_text="Where is my bill?")
    await page.locator("[data-earlier-toggle]").click()
    uid = await listed.get_attribute("data-uid")
    linked = await visitor.open(f"/#conversation={uid}")
    await expect(words(linked)).to_have_text(["Where is my bill?"])
