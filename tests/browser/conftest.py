"""A real Chromium in front of a real site. Every page is watched: an error on its console fails the test."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Route,
    async_playwright,
    expect,
)

from bridge.sandbox.client import SandboxClient
from tests.browser.scripted import Script
from tests.chromium import ARGUMENTS
from tests.processes import HERE, Site

SHOTS = HERE / "var" / "browser"
EMOJI = "**/emoji/*.{webp,gif}"
"""The addresses of a Discord server's own."""
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
expect.set_options(timeout=30_000)


class Visitor:
    """Somebody in front of a page: writes, reads, and remembers what the browser complained about."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.context, self.site = context, site
        self.complaints: list[str] = []
        self.expected = re.compile(r"(?!)")
        """Complaints that belong to the test, e.g. a socket that cannot connect while the server is down."""

    async def open(self, path: str = "/", *, ready: bool = True) -> Page:
        """A new tab on the chat page, by default with its session started."""
        page = await self.context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(self.site.url + path)
        if ready:
            await is_ready(page)
        return page

    def unexpected(self) -> list[str]:
        return [each for each in self.complaints if not self.expected.search(each)]

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")


async def is_ready(page: Page) -> None:
    await expect(page.locator("[data-chat]")).to_have_attribute("data-state", "ready")


async def write(page: Page, text: str) -> None:
    """Type it and press Enter."""
    await page.get_by_label("Your message").fill(text)
    await page.get_by_label("Your message").press("Enter")


def words(page: Page) -> Any:
    """What the messages on the page say, oldest first."""
    return page.locator(".message [data-words]")


async def shoot(page: Page, name: str) -> Path:
    """Keep a picture, to be looked at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = SHOTS / f"{name}.png"
    await page.screenshot(path=path)
    return path


async def load(page: Page, visitor: Visitor, *, ready: bool = True) -> None:
    await page.goto(visitor.site.url + "/")
    if ready:
        await is_ready(page)


async def thread_with(discord: SandboxClient, text: str) -> dict[str, Any]:
    """The thread in which this was said, once it is there."""
    async with asyncio.timeout(60):
        while True:
            for thread in await discord.threads():
                if any(text in each["content"] for each in await discord.messages(thread["id"])):
                    return thread
            await asyncio.sleep(0.1)


async def conversation(page: Page, discord: SandboxClient, text: str) -> dict[str, Any]:
    """The visitor writes first; what comes back is his thread."""
    await write(page, text)
    await expect(page.locator(".message.own", has_text=text)).to_have_attribute("data-state", "delivered")
    return await thread_with(discord, text)


async def one_dot(route: Route) -> None:
    """Instead of a picture that the site would fetch from Discord."""
    await route.fulfill(body=PIXEL, content_type="image/gif")


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site as it would be deployed: DEBUG off, hashed static files. Only its web part runs."""
    with Site(tmp_path_factory.mktemp("site") / "var") as site:
        site.web.start()
        yield site


@pytest.fixture(autouse=True)
def _print_what_the_parts_said(site: Site) -> Iterator[None]:
    """Shown by pytest where a test failed."""
    yield
    print(site.tails())


@pytest_asyncio.fixture(loop_scope="package", scope="package")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


Arrive = Callable[..., Awaitable[Visitor]]


@pytest_asyncio.fixture(loop_scope="package")
async def arrive(browser: Browser, site: Site) -> AsyncIterator[Arrive]:
    """Makes visitors, each with a browser profile of his own; options are those of Playwright's context."""
    visitors: list[Visitor] = []

    async def arrive(**options: Any) -> Visitor:
        context = await browser.new_context(locale="en-GB", **options)
        visitors.append(Visitor(context, site))
        return visitors[-1]

    yield arrive
    complaints = [complaint for visitor in visitors for complaint in visitor.unexpected()]
    for visitor in visitors:
        await visitor.context.close()
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="package")
async def visitor(arrive: Arrive) -> Visitor:
    return await arrive()


@pytest_asyncio.fixture(loop_scope="package")
async def stranger(arrive: Arrive) -> Visitor:
    return await arrive()


# ------------------------------------------------- before a server that does what the test says


@pytest.fixture
def server() -> Script:
    return Script()


@pytest_asyncio.fixture(loop_scope="package")
async def page(visitor: Visitor, server: Script) -> AsyncIterator[Page]:
    """A blank tab whose socket the script serves. Tests load the chat in it when they are ready."""
    page = await visitor.open("/static/bridge/icon.svg", ready=False)
    await server.serve(page)
    yield page
    await page.close()


# ------------------------------------------------------------------ the whole way to Discord


@pytest.fixture(scope="module")
def parts(site: Site) -> Iterator[Site]:
    """The sandbox and the bot run, too."""
    site.sandbox.start()
    site.bot.start()
    yield site
    site.bot.stop()
    site.sandbox.stop()


@pytest_asyncio.fixture(loop_scope="package")
async def discord(parts: Site) -> AsyncIterator[SandboxClient]:
    async with SandboxClient(parts.sandbox_url) as client:
        yield client
