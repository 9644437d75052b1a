"""The whole way: a browser, the web server, the bot and a Discord that is a sandbox."""

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from bridge.sandbox import defaults
from bridge.sandbox.client import SandboxClient
from tests.browser.conftest import Visitor, conversation, is_ready, shoot, thread_with, words, write
from tests.processes import Site, lease_is_over

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

HOSTILE = "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 2'>"


async def test_a_visitor_writes_and_gets_an_answer_from_discord(
    visitor: Visitor, discord: SandboxClient
) -> None:
    page = await visitor.open()
    thread = await conversation(page, discord, "Is the shop open on Sunday?")
    assert thread["parent_id"] == str(defaults.SUPPORT_CHANNEL_ID)
    await discord.post_as("ada", thread["id"], "Yes, from ten to four.")
    await expect(words(page)).to_have_text(["Is the shop open on Sunday?", "Yes, from ten to four."])
    await expect(page.locator(".message:not(.own) .name")).to_have_text(re.compile("Ada", re.IGNORECASE))
    await expect(page.locator(".message.own")).to_have_attribute("data-state", "read")
    await expect(page.locator("[data-presence]")).to_have_text("The team is online")
    await page.reload()
    await is_ready(page)
    await expect(words(page)).to_have_text(["Is the shop open on Sunday?", "Yes, from ten to four."])
    await shoot(page, "answered")


async def test_an_answer_that_was_given_while_the_bot_was_down_arrives_when_it_is_back(
    visitor: Visitor, discord: SandboxClient, parts: Site
) -> None:
    page = await visitor.open()
    thread = await conversation(page, discord, "first question")
    parts.bot.kill()
    lease_is_over(parts.folder)
    await discord.post_as("grace", thread["id"], "nobody carries this now")
    await write(page, "nor this")
    await expect(page.locator(".message.own", has_text="nor this")).to_have_attribute("data-state", "sent")
    parts.bot.start()
    await expect(page.get_by_text("nobody carries this now")).to_be_visible(timeout=30_000)
    await expect(page.locator(".message.own", has_text="nor this")).to_have_attribute(
        "data-state", re.compile("delivered|read"), timeout=30_000
    )
    copies = await discord.copies(thread["id"])
    assert copies["nor this"] == 1


async def test_typing_goes_both_ways(visitor: Visitor, discord: SandboxClient) -> None:
    page = await visitor.open()
    thread = await conversation(page, discord, "anyone?")
    await discord.type_as("ada", thread["id"])
    await expect(page.locator("[data-typing]")).to_have_text(re.compile("is typing"))
    typing = "POST /channels/*/typing"
    before = (await discord.counts())[typing]
    await page.get_by_label("Your message").press_sequentially("well")
    assert await discord.wait_for_requests(before + 1, route=typing, seconds=10) > before


async def test_what_comes_from_discord_is_text_too(visitor: Visitor, discord: SandboxClient) -> None:
    page = await visitor.open()
    thread = await conversation(page, discord, "go ahead")
    await discord.post_as("ada", thread["id"], HOSTILE)
    await expect(words(page)).to_have_text(["go ahead", HOSTILE])
    assert await page.evaluate("window.stolen") is None


async def test_what_the_visitor_writes_pings_nobody_and_stays_as_it_is(
    visitor: Visitor, discord: SandboxClient
) -> None:
    page = await visitor.open()
    await write(page, "@everyone <script> ok")
    thread = await thread_with(discord, "everyone <script> ok")
    found = [each for each in await discord.messages(thread["id"]) if "everyone" in each["content"]]
    assert len(found) == 1
    assert not found[0].get("mention_everyone")


async def test_what_is_changed_deleted_and_answered_is_so_on_both_sides(
    visitor: Visitor, stranger: Visitor, discord: SandboxClient
) -> None:
    page, theirs = await visitor.open(), await stranger.open()
    await write(theirs, "mind your own business")
    thread = await conversation(page, discord, "Is it opne?")

    async def shows(*texts: str) -> list[dict[str, Any]]:
        """Wait until Discord does, oldest first."""
        async with asyncio.timeout(60):
            while True:
                said = [
                    m
                    for m in await discord.messages(thread["id"])
                    if m["type"] in {0, 19} and not m["deleted"]
                ]
                if [each["content"] for each in said] == list(texts):
                    return said
                await asyncio.sleep(0.1)

    def message(text: str) -> Locator:
        return page.locator(".message", has_text=text)

    async def press(text: str, button: str) -> None:
        await message(text).hover()
        await message(text).get_by_role("button", name=button, exact=True).click()

    # He edits.
    await press("Is it opne?", "Edit")
    await page.get_by_label("Your message").fill("Is it open?")
    await page.get_by_label("Your message").press("Enter")
    (question,) = await shows("Is it open?")
    await expect(message("Is it open?").locator("[data-edited]")).to_be_visible()
    await shoot(page, "changes-edited")

    # Staff answer him, and he answers that.
    await discord.post_as("ada", thread["id"], "Which of our shops?", reply_to=question["id"])
    await expect(message("Which of our shops?").locator("[data-quote]")).to_contain_text("Is it open?")
    await press("Which of our shops?", "Reply")
    await write(page, "The one in town")
    _, asked, answer = await shows("Is it open?", "Which of our shops?", "The one in town")
    assert answer["reply_to"] == asked["id"]
    await expect(message("The one in town").locator("[data-quote]")).to_contain_text("Which of our shops?")
    await shoot(page, "changes-answered")

    # Staff edit and delete, also what he wrote; he takes something back.
    await discord.edit(thread["id"], asked["id"], "Which shop?")
    await expect(message("The one in town").locator("[data-quote]")).to_contain_text("Which shop?")
    await discord.delete(thread["id"], question["id"])
    await expect(words(page).first).to_have_text("This message was deleted")
    await press("The one in town", "Delete")
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await shows("Which shop?")
    deleted = "This message was deleted"
    await expect(words(page)).to_have_text([deleted, "Which shop?", deleted])
    await shoot(page, "changes-deleted")
    await page.reload()
    await is_ready(page)
    await expect(words(page)).to_have_text([deleted, "Which shop?", deleted])
    await expect(words(theirs)).to_have_text(["mind your own business"])
