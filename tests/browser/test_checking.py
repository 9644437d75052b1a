"""An inbox that checks browsers: its visitors see for a moment that it does, and nothing else."""

import asyncio
import re

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Arrive, shoot, words, write
from tests.browser.test_with_the_server import stored
from tests.processes import Site

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

MAKE = """
from bridge.models import Inbox
Inbox.objects.get_or_create(name="checked", defaults={"proof": "on"})
"""
THERE = re.compile("sent|delivered|read")


@pytest.fixture(scope="module")
def checked(site: Site) -> str:
    site.manage("shell", "-c", MAKE)
    return "/?inbox=checked"


async def test_a_browser_is_checked_beside_the_page_before_its_first_message_and_not_again(
    arrive: Arrive, site: Site, checked: str
) -> None:
    visitor = await arrive(viewport={"width": 390, "height": 700}, color_scheme="dark")
    page = await visitor.open(checked)
    seen = asyncio.Event()

    async def late(route: Route) -> None:
        await seen.wait()
        await route.continue_()

    await page.route("**/proof/worker*.js", late)
    await write(page, "Is this a browser?")
    message = page.locator(".message.own", has_text="Is this a browser?")
    await expect(message.locator("[data-status-text]")).to_have_text("Checking your browser…")
    await shoot(page, "checking")
    # The page goes on meanwhile.
    await write(page, "Hello?")
    assert stored(site, "Is this a browser?") == 0
    seen.set()
    for text in ("Is this a browser?", "Hello?"):
        await expect(page.locator(".message.own", has_text=text)).to_have_attribute("data-state", THERE)
    await expect(words(page)).to_have_text(["Is this a browser?", "Hello?"])
    await page.reload()
    await write(page, "And again")
    last = page.locator(".message.own", has_text="And again")
    await expect(last).to_have_attribute("data-state", THERE)


async def test_where_a_browser_has_no_workers_it_is_checked_on_the_page(
    arrive: Arrive, site: Site, checked: str
) -> None:
    visitor = await arrive()
    # What pages on plain HTTP miss as well.
    await visitor.context.add_init_script("delete window.Worker; delete window.Crypto.prototype.subtle;")
    page = await visitor.open(checked)
    await write(page, "From an old browser")
    message = page.locator(".message.own", has_text="From an old browser")
    await expect(message).to_have_attribute("data-state", THERE)
