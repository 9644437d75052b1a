"""The whole way: what staff and visitors write looks on the other side as it was meant."""

import pytest
from playwright.async_api import expect

from bridge.sandbox.client import SandboxClient
from tests.browser.conftest import EMOJI, Visitor, conversation, one_dot, shoot, words

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

ANSWER = """## Opening hours
**Sunday** from __ten__, see [the shop](https://shop.example.com/hours).
- Kettles: `A1`
- Tea: ||sold out||
> closed on <t:1700000000:D>"""


async def test_both_sides_see_what_was_meant(
    visitor: Visitor, stranger: Visitor, discord: SandboxClient
) -> None:
    await visitor.context.route(EMOJI, one_dot)
    page, other = await visitor.open(), await stranger.open()
    typed = "When are you **open**, @everyone? [look](https://evil.example) https://discord.gg/abc"
    thread = await conversation(page, discord, "When are you")
    await page.get_by_label("Your message").fill(typed)
    await page.get_by_label("Your message").press("Enter")
    await expect(page.locator(".message.own").last).to_have_attribute("data-state", "delivered")
    said = (await discord.messages(thread["id"]))[-1]["content"]
    assert said == r"When are you **open**, @everyone? [look\](https://evil.example) https\://discord\.gg/abc"
    await discord.post_as("ada", thread["id"], ANSWER)
    answer = words(page).last
    await expect(answer.locator("h4")).to_have_text("Opening hours")
    await expect(answer.locator("a")).to_have_text("the shop (shop.example.com)")
    await expect(answer.locator("li")).to_have_count(2)
    await expect(answer.locator("time")).to_have_text("14 November 2023")
    await expect(answer.locator(".hidden-words")).to_be_hidden()
    await expect(words(page).nth(1)).to_have_text(typed.replace("**", ""))
    await expect(words(page).nth(1).locator("strong")).to_have_text("open")
    await expect(words(other)).to_have_count(0)
    await shoot(page, "words-with-discord")
