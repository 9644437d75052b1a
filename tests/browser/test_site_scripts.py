"""What the site's own scripts do with the page's socket: other apps' commands and events."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from bridge.protocol.frames import event_frame
from tests.browser.conftest import Visitor, is_ready, words
from tests.browser.scripted import Json, Script
from tests.browser.test_widget import opened, visit
from tests.shop_app.bridge_commands import Status

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

LISTEN = """() => {
  window.heard = [];
  window.chatbridge.addEventListener("event", ({ detail }) => window.heard.push(detail));
}"""


class ShopScript(Script):
    """The server with another app in it."""

    def _on_shop_state(self, payload: Status) -> Json:
        return {"number": payload.number, "state": "packed"}

    def ship(self, **payload: object) -> None:
        self._send(event_frame("shop.shipped", payload, connection=self.uid))


@pytest.fixture
def server() -> ShopScript:
    return ShopScript()


@pytest_asyncio.fixture(loop_scope="package")
async def page(visitor: Visitor, server: ShopScript) -> AsyncIterator[Page]:
    page = await visitor.open("/static/bridge/icon.svg", ready=False)
    await server.serve(page)
    await page.goto(visitor.site.url + "/")
    await is_ready(page)
    yield page
    await page.close()


async def test_an_event_of_another_app_is_heard_by_scripts_and_does_nothing_to_the_page(
    page: Page, visitor: Visitor, server: ShopScript
) -> None:
    said = server.answer("Good morning")
    await expect(words(page)).to_have_text(["Good morning"])
    await page.evaluate(LISTEN)
    # However much it looks like one of ours.
    server.ship(number="A7", messages=[{**said, "content": "not for the page", "revision": 99}])
    server.answer("Good evening")
    await expect(words(page)).to_have_text(["Good morning", "Good evening"])
    heard = await page.evaluate("window.heard.map(({ event, payload }) => [event, payload.number ?? null])")
    assert heard == [["shop.shipped", "A7"], ["message.posted", None]]
    assert visitor.unexpected() == []


async def test_a_script_asks_another_apps_command_over_the_pages_socket(
    page: Page, visitor: Visitor, server: ShopScript
) -> None:
    visitor.expected = re.compile("shop.state is deprecated: use shop.status")
    assert await page.evaluate("window.chatbridge.command('shop.state', { number: 'A7' })") == {
        "number": "A7",
        "state": "packed",
    }
    assert server.sockets == 1
    # Deprecated: it answers, and the console says what to use.
    assert len(visitor.complaints) == 1
    assert visitor.unexpected() == []


async def test_a_widget_hands_out_the_socket_of_its_frame(visitor: Visitor) -> None:
    """With the real server."""
    page = await visit(visitor)
    widget = 'document.querySelector("chatbridge-widget")'
    assert await page.evaluate(f"{widget}.socket") is None
    told = f'{widget}.addEventListener("socket", ({{ target }}) => (window.told = target.socket !== null))'
    await page.evaluate(told)
    await opened(page)
    assert (await page.evaluate(f"{widget}.socket.command('ping')"))["heads"] == {}
    assert await page.evaluate("window.told")
    await page.close()
    assert visitor.unexpected() == []
