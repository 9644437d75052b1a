"""`{% chat_widget %}` on another page of the site, before the real server: opened, read, closed, told of answers."""

import asyncio
import re
from typing import Any

import pytest
from django.template import engines
from playwright.async_api import FrameLocator, Page, Route, expect

from tests.browser.conftest import Arrive, Visitor, shoot

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
STRICT = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-src 'self'"
HOST = """{% load chatbridge %}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
</head><body><main><h1>A shop</h1><p>Tea, coffee and cups.</p><a href="/shop/">Around again</a></main>
WIDGET</body></html>"""


def widget(page: Page) -> Any:
    return page.locator("chatbridge-widget")


def launcher(page: Page) -> Any:
    return page.get_by_role("button", name="Chat", exact=False).and_(page.locator("[data-launcher]"))


def inside(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[data-frame]")


async def visit(visitor: Visitor, *, tag: str = "{% chat_widget %}") -> Page:
    """A page of the same site that has the widget, under a policy that allows nothing inline."""
    html = engines["django"].from_string(HOST.replace("WIDGET", tag)).render()

    async def serve(route: Route) -> None:
        headers = {"Content-Security-Policy": STRICT}
        await route.fulfill(body=html, content_type="text/html", headers=headers)

    await visitor.context.route("**/shop/", serve)
    page = await visitor.open("/shop/", ready=False)
    await expect(launcher(page)).to_be_visible()
    return page


async def opened(page: Page) -> FrameLocator:
    await launcher(page).click()
    await expect(inside(page).locator("[data-chat]")).to_have_attribute("data-state", "ready")
    return inside(page)


async def say(chat: FrameLocator, text: str) -> None:
    await chat.get_by_label("Your message").fill(text)
    await chat.get_by_role("button", name="Send").click()
    await expect(chat.locator(".message.own").last).to_have_attribute("data-state", "sent")


async def test_a_visitor_chats_in_the_corner_and_goes_on_on_the_chat_page(
    visitor: Visitor, stranger: Visitor
) -> None:
    page = await visit(visitor)
    assert (
        await page.locator("iframe").get_attribute("src") is None
    )  # nothing is loaded for who does not chat
    chat = await opened(page)
    await expect(chat.get_by_label("Your message")).to_be_focused()
    await say(chat, "Do you have green tea?")
    await shoot(page, "widget")
    whole = await visitor.open("/")
    await expect(whole.locator(".message [data-words]")).to_have_text(["Do you have green tea?"])
    theirs = await opened(await visit(stranger))
    await expect(theirs.locator(".message")).to_have_count(0)


async def _bad_gateway(route: Route) -> None:
    await route.fulfill(status=502, body="<h1>502 Bad Gateway</h1>", content_type="text/html")


async def _away(route: Route) -> None:
    await route.fulfill(status=503, body="<h1>Just a moment</h1>", content_type="text/html")


async def _refuses(route: Route) -> None:
    await route.abort("connectionrefused")


async def _hangs(route: Route) -> None:
    """Nothing comes, for as long as anybody waits."""


@pytest.mark.parametrize("answer", [_bad_gateway, _away, _refuses, _hangs])
async def test_opened_while_the_server_is_away_it_says_so_and_the_chat_comes_by_itself(
    visitor: Visitor, answer: Any
) -> None:
    visitor.expected = re.compile("Failed to load resource")
    asked: asyncio.Queue[str] = asyncio.Queue()
    is_back = False

    async def serve(route: Route) -> None:
        asked.put_nowait(route.request.url)
        await (route.continue_() if is_back else answer(route))

    await visitor.context.route("**/?inbox=default&embedded=1", serve)
    page = await visit(visitor)
    await page.clock.install()
    await launcher(page).click()
    shell = widget(page).locator("[data-shell]")
    for tries in (1, 2):
        if answer is _hangs:
            await page.clock.fast_forward(15_000)
        await expect(shell).to_contain_text("unavailable right now")
        # The error of whoever answered is not shown.
        await expect(page.locator("iframe")).to_have_css("visibility", "hidden")
        await asyncio.wait_for(asked.get(), 30)
        if tries == 1:
            await shoot(page, "widget-away")
            await page.clock.fast_forward(10_000)
            await expect(shell).to_contain_text("unavailable right now")
    is_back = True
    await page.clock.fast_forward(30_000)
    await expect(inside(page).locator("[data-chat]")).to_have_attribute("data-state", "ready")
    await expect(shell).to_be_hidden()
    await expect(inside(page).get_by_label("Your message")).to_be_focused()
    # Its tries are no steps back.
    assert await page.evaluate("history.length") <= 2


async def test_keys_open_and_close_it_and_the_focus_comes_back(visitor: Visitor) -> None:
    page = await visit(visitor)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(launcher(page)).to_be_focused()
    await expect(launcher(page)).to_have_attribute("aria-expanded", "false")
    await page.keyboard.press("Enter")
    text = inside(page).get_by_label("Your message")
    await expect(text).to_be_focused()
    await expect(launcher(page)).to_have_attribute("aria-expanded", "true")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog", name="Chat")).to_be_hidden()
    await expect(launcher(page)).to_be_focused()
    await expect(launcher(page)).to_have_attribute("aria-expanded", "false")


async def test_what_escape_closes_first_is_what_is_open_in_the_chat(visitor: Visitor) -> None:
    page = await visit(visitor)
    chat = await opened(page)
    await say(chat, "Hello")
    await chat.get_by_label("Your message").press("ArrowUp")
    await expect(chat.locator("[data-intent]")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(chat.locator("[data-intent]")).to_be_hidden()
    await expect(page.get_by_role("dialog", name="Chat")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog", name="Chat")).to_be_hidden()


async def test_an_answer_is_told_on_every_page_and_read_once_it_is_seen(visitor: Visitor) -> None:
    page = await visit(visitor)
    await say(await opened(page), "Hello")
    await page.get_by_role("button", name="Close the chat").click()
    # On another page the chat was not opened yet, and nothing of the focus is taken.
    await page.get_by_role("link").click()
    await expect(inside(page).locator("[data-chat]")).to_have_attribute("data-state", "ready")
    await expect(page.locator("[data-badge]")).to_be_hidden()
    assert await page.evaluate("document.activeElement === document.body")
    staff_answer(visitor)
    await expect(page.locator("[data-badge]")).to_have_text("1")
    await expect(page.locator("[data-status]")).to_have_text("1 new message")
    await shoot(page, "widget-unread")
    await launcher(page).click()
    await expect(page.locator("[data-badge]")).to_be_hidden()
    await page.keyboard.press("Escape")
    await page.reload()
    await expect(inside(page).locator("[data-chat]")).to_have_attribute("data-state", "ready")
    await expect(page.locator("[data-badge]")).to_be_hidden()


def staff_answer(visitor: Visitor) -> None:
    """As the bot would: in another process, through the real actions."""
    visitor.site.manage("shell", "-v0", "-c", ANSWER)


ANSWER = """
from django.utils import timezone
from bridge.chat.actions.receiving import Incoming, RemoteAuthor, receive_message
from bridge.models import Endpoint
endpoint = Endpoint.objects.latest("pk")
receive_message(endpoint.pk, Incoming("1", RemoteAuthor("7", "Ada"), "Good morning", created_at=timezone.now()))
"""


async def test_on_a_phone_it_is_the_whole_screen_and_nothing_behind_it_is_reached(arrive: Arrive) -> None:
    visitor = await arrive(**PHONE, color_scheme="dark")
    page = await visit(visitor)
    await shoot(page, "widget-phone-closed")
    chat = await opened(page)
    await say(chat, "Hello from a phone")
    await shoot(page, "widget-phone-dark")
    assert await page.locator("[data-panel]").evaluate("each => each.matches(':modal')")
    box = await page.locator("[data-panel]").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 390, "height": 780}
    end, close = (
        chat.get_by_role("button", name="End chat"),
        page.get_by_role("button", name="Close the chat"),
    )
    ended, closed = await end.bounding_box(), await close.bounding_box()
    assert ended
    assert closed
    assert ended["x"] + ended["width"] <= closed["x"]
    await close.click()
    await expect(page.get_by_role("link")).to_be_visible()


async def test_it_fits_again_when_the_window_becomes_small_and_large(visitor: Visitor) -> None:
    page = await visit(visitor)
    chat = await opened(page)
    await page.set_viewport_size({"width": 400, "height": 700})
    await expect(page.locator("[data-panel]:modal")).to_be_visible()
    await page.set_viewport_size({"width": 1200, "height": 800})
    await expect(page.locator("[data-panel]:not(:modal)")).to_be_visible()
    await say(chat, "Still here")


async def test_a_page_that_a_script_puts_together_has_it_too(visitor: Visitor) -> None:
    page = await visit(visitor)
    html = engines["django"].from_string("{% load chatbridge %}{% chat_widget %}").render()
    # Chromium's advice to the script; htmx and the like do not follow it.
    visitor.expected = re.compile("declarative Shadow DOM is not being parsed")
    await page.evaluate("html => (document.body.innerHTML = html)", html)
    await opened(page)


async def test_the_team_sees_the_page_on_which_he_writes(visitor: Visitor) -> None:
    page = await visit(visitor)
    await say(await opened(page), "Hello")
    told = visitor.site.manage(
        "shell",
        "-v0",
        "-c",
        "from bridge.models import Connection; print(Connection.objects.latest('pk').page_url)",
    )
    assert told.strip() == f"{visitor.site.url}/shop/"
