"""The line that asks for an address, where answers that nobody reads are mailed."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Arrive, Visitor, load, shoot, write
from tests.browser.scripted import Refused, Script

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

ASKS = "Leave your e-mail address to get answers while you are away."


async def test_it_asks_once_he_has_written_and_says_what_is_known(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.email_after = 15
    await load(page, visitor)
    line = page.locator("[data-email]")
    await expect(line).to_be_hidden()
    await write(page, "hello")
    await expect(line).to_contain_text(ASKS)
    await page.get_by_role("button", name="Add address").click()
    await page.get_by_label("Your e-mail address").fill(" vera@example.net ")
    await page.get_by_label("Your e-mail address").press("Enter")
    await expect(line).to_contain_text("Answers that you miss are sent to vera@example.net.")
    assert server.commands("contact.set") == [{"name": None, "email": "vera@example.net"}]
    await page.get_by_role("button", name="Change").click()
    await expect(page.get_by_label("Your e-mail address")).to_have_value("vera@example.net")
    await page.get_by_label("Your e-mail address").press("Escape")
    await expect(page.get_by_label("Your e-mail address")).to_be_hidden()
    await load(page, visitor)
    await expect(line).to_contain_text("vera@example.net")


async def test_it_asks_at_once_where_nobody_is_there(page: Page, visitor: Visitor, server: Script) -> None:
    server.email_after = 15
    await load(page, visitor)
    await expect(page.locator("[data-email]")).to_be_hidden()
    server.send_event("presence.changed", {"staff_online": False})
    await expect(page.locator("[data-email]")).to_contain_text(ASKS)


async def test_without_mails_nobody_is_asked(page: Page, visitor: Visitor, server: Script) -> None:
    server.say(server.visitor, "earlier")
    await load(page, visitor)
    await expect(page.locator(".message")).to_have_count(1)
    await expect(page.locator("[data-email]")).to_be_hidden()


async def test_what_is_no_address_is_said_and_kept(page: Page, visitor: Visitor, server: Script) -> None:
    server.email_after = 15
    server.say(server.visitor, "earlier")
    await load(page, visitor)
    await page.get_by_role("button", name="Add address").click()
    field = page.get_by_label("Your e-mail address")
    await field.fill("vera")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_have_text("Enter a valid e-mail address.")
    assert server.commands("contact.set") == []
    server.refuse["contact.set"] = [Refused("throttled", retry_after=1)]
    await field.fill("vera@example.net")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_have_text("Please wait a moment before you change it again.")
    await expect(field).to_have_value("vera@example.net")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("[data-email]")).to_contain_text(
        "Answers that you miss are sent to vera@example.net."
    )


async def test_an_address_that_his_site_knows_is_not_his_to_change(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.email_after = 15
    server.contact = {"name": "Vera", "email": "<b>vera@example.net", "identified": True}
    await load(page, visitor)
    await expect(page.locator("[data-email]")).to_contain_text("sent to <b>vera@example.net.")
    await expect(page.get_by_role("button", name="Change")).to_be_hidden()


async def test_it_looks_right_by_day_by_night_and_on_a_phone(arrive: Arrive) -> None:
    for scheme in ("light", "dark"):
        for device, size in {"desktop": (1280, 800), "phone": (360, 740)}.items():
            server = Script()
            server.email_after = 15
            server.say(server.visitor, "Hello! Did my order arrive at your place?")
            visitor = await arrive(
                color_scheme=scheme,
                viewport={"width": size[0], "height": size[1]},
                has_touch=device == "phone",
                is_mobile=device == "phone",
            )
            page = await visitor.open("/static/bridge/icon.svg", ready=False)
            await server.serve(page)
            await load(page, visitor)
            await shoot(page, f"{scheme}-{device}-address-asked")
            await page.get_by_role("button", name="Add address").click()
            await shoot(page, f"{scheme}-{device}-address-form")
            assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
            await page.close()
