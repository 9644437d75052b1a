"""Reactions on the page: pressed, chosen, joined, refused; and the whole way to Discord and back."""

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from bridge.sandbox import defaults
from bridge.sandbox.client import SandboxClient
from tests.browser.conftest import Arrive, Visitor, conversation, is_ready, load, shoot
from tests.browser.scripted import Refused, Script

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

PARTY, DANCE = (f"{name}:{pk}" for pk, (name, _) in defaults.EMOJI.items())


def chips(message: Locator) -> Locator:
    return message.locator(".reaction")


async def test_one_that_is_pressed_shows_at_once_and_goes_again_where_it_is_refused(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.ada, "hello", reactions=[{"emoji": "👍", "count": 1, "own": False}], own=False)
    server.silent.add("reaction.add")
    await load(page, visitor)
    chip = chips(page.locator(".message"))
    await chip.click()
    await expect(chip).to_have_text("👍 2")
    await expect(chip).to_have_attribute("aria-pressed", "true")
    assert [each["emoji"] for each in await server.wait_for("reaction.add")] == ["👍"]
    await page.reload()
    await is_ready(page)
    server.silent.clear()
    server.refuse["reaction.add"] = [Refused("conflict")]
    await chip.click()
    await expect(page.locator("[data-note]")).to_contain_text("maximum number of different emoji")
    await expect(chip).to_have_text("👍 1")
    await expect(chip).to_have_attribute("aria-pressed", "false")


async def test_one_is_chosen_with_the_keyboard_and_escape_closes(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.ada, "hello")
    await load(page, visitor)
    react = page.get_by_role("button", name="React", exact=True)
    await react.focus()
    await react.press("Enter")
    search = page.get_by_role("combobox")
    await expect(search).to_be_focused()
    await search.press_sequentially("thumbs up")
    await expect(page.get_by_role("option").first).to_be_visible()
    await shoot(page, "reactions-search")
    await search.press("ArrowDown")
    await search.press("Enter")
    assert [each["emoji"] for each in await server.wait_for("reaction.add")] == ["👍"]
    await expect(page.locator("[data-picker]")).to_be_hidden()
    await expect(react).to_be_focused()
    await react.press("Enter")
    await expect(page.locator("[data-picker]")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("[data-picker]")).to_be_hidden()
    await react.press("Enter")
    await page.locator("h1").click()
    await expect(page.locator("[data-picker]")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone_it_is_a_sheet_at_the_bottom(arrive: Arrive, server: Script, scheme: str) -> None:
    visitor = await arrive(
        viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True, color_scheme=scheme
    )
    page = await visitor.open("/static/bridge/icon.svg", ready=False)
    await server.serve(page)
    server.say(
        server.ada,
        "Your order is on its way.",
        reactions=[{"emoji": each, "count": at + 1, "own": at == 1} for at, each in enumerate("👍🎉🙏😮")],
        own=False,
    )
    await load(page, visitor)
    await page.get_by_role("button", name="More").tap()
    await page.get_by_role("button", name="React", exact=True).tap()
    await expect(page.get_by_role("menuitem").first).to_be_visible()
    box = await page.locator("[data-picker]").bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, 390)
    assert box["y"] + box["height"] == 780
    await page.wait_for_timeout(300)
    await shoot(page, f"reactions-phone-{scheme}")
    await page.get_by_role("menuitem", name=re.compile("grinning face")).first.tap()
    assert len(await server.wait_for("reaction.add")) == 1


async def eventually(there: Any) -> None:
    async with asyncio.timeout(60):
        while not await there():  # noqa: ASYNC110 (what happens is in other processes)
            await asyncio.sleep(0.1)


async def test_reactions_go_to_discord_and_come_from_there(
    arrive: Arrive,
    stranger: Visitor,
    discord: SandboxClient,
) -> None:
    visitor = await arrive(viewport={"width": 900, "height": 760})
    page, theirs = await visitor.open(), await stranger.open()
    thread = await conversation(page, discord, "Can I bring my dog?")
    answer = await discord.post_as("ada", thread["id"], "Of course, he gets a biscuit.")
    message = page.locator(".row.message:not(.own)")
    await message.hover()
    await message.get_by_role("button", name="React", exact=True).click()
    await page.get_by_role("combobox").fill("dog face")
    await page.get_by_role("option").first.click()
    await expect(chips(message)).to_have_text(["🐶 1"])

    async def in_discord(expected: dict[str, list[int]]) -> bool:
        (found,) = [each for each in await discord.messages(thread["id"]) if each["id"] == answer["id"]]
        shown = {each["emoji"]: each["users"] for each in found["reactions"]}
        return shown == {emoji: [str(user) for user in users] for emoji, users in expected.items()}

    await eventually(lambda: in_discord({"🐶": [defaults.BOT_ID]}))
    await discord.react_as("grace", thread["id"], answer["id"], "🐶")
    await discord.react_as("grace", thread["id"], answer["id"], PARTY)
    await discord.react_as("ada", thread["id"], answer["id"], DANCE)
    await expect(chips(message)).to_have_text([re.compile("🐶 2"), re.compile("1"), re.compile("1")])
    for picture in (f"/emoji/{PARTY.partition(':')[2]}.webp", f"/emoji/{DANCE.partition(':')[2]}.gif"):
        drawn = message.locator(f"img[src='{picture}']")
        await expect(drawn).to_be_visible()
        await drawn.evaluate("(image) => image.decode()")
    await chips(message).nth(1).click()
    await eventually(
        lambda: in_discord(
            {
                "🐶": [defaults.BOT_ID, defaults.GRACE_ID],
                PARTY: [defaults.GRACE_ID, defaults.BOT_ID],
                DANCE: [defaults.ADA_ID],
            }
        )
    )
    await expect(chips(message).nth(1)).to_have_attribute("aria-pressed", "true")
    await page.mouse.move(5, 5)
    await shoot(page, "reactions")
    await message.hover()
    await message.get_by_role("button", name="React", exact=True).click()
    await expect(page.get_by_role("menuitem").first).to_be_visible()
    await page.wait_for_timeout(400)
    await shoot(page, "reactions-picker")
    await page.keyboard.press("Escape")
    board = await visitor.context.new_page()
    await board.goto(f"{discord.url}/#{thread['id']}")
    await expect(board.locator(".reaction")).to_have_count(3)
    await board.locator(".reaction").first.click()
    await expect(chips(message).first).to_have_text("🐶 3")
    await board.wait_for_timeout(300)
    await shoot(board, "reactions-discord")
    await page.reload()
    await is_ready(page)
    await expect(chips(message).first).to_have_attribute("aria-pressed", "true")
    await chips(message).first.click()
    await expect(chips(message).first).to_have_text("🐶 2")
    await eventually(
        lambda: in_discord(
            {
                "🐶": [defaults.GRACE_ID, defaults.ADA_ID],
                PARTY: [defaults.GRACE_ID, defaults.BOT_ID],
                DANCE: [defaults.ADA_ID],
            }
        )
    )
    await expect(theirs.locator(".reaction")).to_have_count(0)
    await discord.post_as("ada", thread["id"], f"See you there <:{PARTY}>")
    drawn = page.locator(".words").last.get_by_alt_text(":party:")
    await expect(drawn).to_be_visible()
    await drawn.evaluate("(image) => image.decode()")
