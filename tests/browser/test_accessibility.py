"""What axe-core can judge, it finds nothing to say about: every page of a visitor, in the states that they meet."""

import uuid
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.views import defaults
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.axe import IN_OTHER_COLOURS, violations
from tests.browser.conftest import EMOJI, Arrive, Visitor, load, one_dot
from tests.browser.scripted import Json, Refused, Script
from tests.browser.test_away import away
from tests.browser.test_files import choose, file
from tests.browser.test_reading import BACK
from tests.browser.test_rooms import ROOMS
from tests.browser.test_widget import opened, staff_answer, visit
from tests.browser.test_words import STORY
from tests.files.pictures import png

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True},
}
NOT_OURS = "body > main:not([data-chat], .plain, .rooms)"
"""What stands on the page of a site around the widget."""
States = AsyncIterator[tuple[Page, str]]


def attachment(name: str, kind: str, **fields: Any) -> Json:
    uid = uuid.uuid4()
    size = {"width": 400, "height": 300} if kind.startswith("image/") else {"width": None, "height": None}
    file = {"uid": str(uid), "name": name, "state": "stored", "content_type": kind, "size": 123_456}
    return {**file, "url": f"/files/{uid}/", "thumbnail": "", **size, **fields}


def talk(server: Script) -> None:
    """One message of each kind that there is."""
    asked = server.say(server.visitor, "When does it open?", minutes_ago=3000, state="delivered")
    server.say(server.ada, "At nine", minutes_ago=2990, reply_to=server.quote(asked["uid"]))
    server.say(None, "closed", minutes_ago=2980, kind="event")
    server.say(None, "", minutes_ago=2970, kind="gap", gap_size=3)
    server.read_seq = len(server.messages)
    server.say(server.ada, STORY, minutes_ago=20, edited_at="2026-01-01T00:00:00Z")
    server.say(server.ada, "", minutes_ago=19, deleted_at="2026-01-01T00:00:00Z")
    reactions = [{"emoji": "👍", "count": 2}, {"emoji": "🎉", "count": 1}]
    files = [
        attachment("a cat.png", "image/png"),
        attachment("a song.ogg", "audio/ogg"),
        attachment("a film.webm", "video/webm"),
        attachment("a letter.pdf", "application/pdf"),
        attachment("on its way.pdf", "application/pdf", state="pending", url=""),
    ]
    server.say(server.ada, "Look", minutes_ago=18, attachments=files, reactions=reactions)
    server.say(server.visitor, "Never got there", minutes_ago=3, state="failed", failure="refused")
    server.say(server.visitor, "Just now", state="delivered", reactions=reactions)


async def say(page: Page, text: str) -> None:
    """Also on a phone, where Enter is a new line."""
    await page.get_by_label("Your message").fill(text)
    await page.get_by_role("button", name="Send").click()


async def scripted(visitor: Visitor) -> tuple[Page, Script]:
    """A page before a server that does what is said here."""
    page, server = await visitor.open("/static/bridge/icon.svg", ready=False), Script()
    await server.serve(page)
    for files in ("**/files/*/", EMOJI):
        await page.route(files, one_dot)
    return page, server


async def a_conversation(visitor: Visitor) -> States:
    page, server = await scripted(visitor)
    await load(page, visitor)
    yield page, "empty"
    talk(server)
    await load(page, visitor)
    await expect(page.locator(".row.unread")).to_be_visible()
    await expect(page.locator(".picture img")).to_be_visible()
    server.send_event("typing.started", {"author": server.ada})
    yield page, "something of everything"
    await page.locator(".spoiler").click()
    await show_tools(page)
    yield page, "what can be done with a message"
    await latest(page).get_by_role("button", name="Reply").click()
    yield page, "answering"
    async for state in boxes(page):
        yield page, state


def latest(page: Page) -> Locator:
    return page.locator(".message", has_text="Just now")


async def show_tools(page: Page) -> None:
    await latest(page).hover()
    if await latest(page).locator("[data-more]").is_visible():
        await latest(page).locator("[data-more]").click()


async def boxes(page: Page) -> AsyncIterator[str]:
    """What opens above the conversation."""
    emoji = page.locator("emoji-picker")
    await show_tools(page)
    await latest(page).get_by_role("button", name="React", exact=True).click()
    await expect(emoji.get_by_role("menuitem").first).to_be_visible()
    yield "choosing an emoji"
    await emoji.locator("input").fill("cat")
    await expect(emoji.get_by_role("option").first).to_be_visible()
    yield "looking for an emoji"
    await page.keyboard.press("Escape")
    await show_tools(page)
    await latest(page).get_by_role("button", name="Delete").click()
    yield "asked whether to delete"
    await page.keyboard.press("Escape")
    await page.locator("a.picture").click()
    yield "a picture"
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="End chat").click()
    yield "asked whether to end"


async def around_it(visitor: Visitor) -> States:
    """What is said of other conversations, of writing, and where nothing can be written."""
    page, server = await scripted(visitor)
    server.say(server.visitor, "Hello", state="delivered")
    server.email_after, server.max_upload = 15, 1000
    listed = (("Where is my parcel?", "closed", 2), ("", "closed", 0), ("Now", "open", 1))
    server.others = [other(server, *each) for each in listed]
    for part in (earlier, writing, barred):
        await load(page, visitor)
        async for state in part(page, server):
            yield page, state


def other(server: Script, title: str, state: str, unread: int) -> Json:
    uid, since = (
        str(uuid.uuid4()),
        {"created_at": "2026-01-01T00:00:00Z", "active_at": "2026-01-02T00:00:00Z"},
    )
    about = {"uid": uid, "kind": "private", "state": state, "revision": 1, "read_seq": 0}
    return {**about, "participant": server.visitor["id"], "title": title, "unread": unread, **since}


async def earlier(page: Page, server: Script) -> AsyncIterator[str]:
    await expect(page.locator("[data-earlier-hint]")).to_be_visible()
    yield "a late answer"
    await page.locator("[data-earlier-toggle]").click()
    await expect(page.locator(".earlier-row")).to_have_count(3)
    yield "the list"
    await page.locator(".earlier-row").first.click()
    await expect(page.locator("[data-earlier-visit]")).to_be_visible()
    yield "one of them"
    server.others = []


async def writing(page: Page, server: Script) -> AsyncIterator[str]:
    server.send_event("presence.changed", {"staff_online": False})
    await page.get_by_role("button", name="Add address").click()
    await page.get_by_label("Your e-mail address").fill("vera")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_have_text("Enter a valid e-mail address.")
    yield "a wrong address"
    await page.locator("[data-email-cancel]").click()
    await choose(
        page, file("cat.png", png(40, 30), "image/png"), file("large.png", bytes(server.max_upload + 1))
    )
    await expect(page.locator(".upload[data-state=ready]")).to_be_visible()
    await expect(page.locator("[data-upload-problem]:visible")).to_be_visible()
    yield "a file, and one that is too large"
    for _ in range(2):
        await page.locator("[data-upload-remove]").first.click()
    await page.get_by_label("Your message").fill("long " * 4000)
    await expect(page.locator(".counter.over")).to_be_visible()
    yield "too long"
    server.refuse["message.send"] = [Refused("blocked_link")]
    await say(page, "https://a.example")
    await expect(page.locator("[data-discard]:visible")).to_be_visible()
    yield "refused"


async def barred(page: Page, server: Script) -> AsyncIterator[str]:
    await server.block()
    await expect(page.locator("[data-barred]")).to_be_visible()
    yield "blocked"
    server.refuse["session.start"] = [Refused("not_identified", reason="sign_in")]
    await page.evaluate(BACK)
    await expect(page.locator("[data-barred]")).to_contain_text("Sign in to write")
    yield "to sign in"
    server.state = "closed"
    await page.evaluate(BACK)
    await expect(page.locator("[data-closed]")).to_be_visible()
    yield "ended"
    server.silent.add("session.start")
    await server.close(1012)
    await expect(page.locator("[data-banner]")).to_be_visible()
    yield "no connection"


async def in_rooms(visitor: Visitor) -> States:
    visitor.site.manage("shell", "-c", ROOMS)
    yield await visitor.open("/rooms/", ready=False), "all rooms"
    # Not in one in which another test reads everything that was said.
    page = await visitor.open(f"/rooms/attic/{'k' * 22}/")
    await say(page, "Is the tide in?")
    await expect(page.locator(".message.own")).to_have_attribute("data-state", "sent")
    yield page, "a room"
    toggle = page.locator("[data-members-toggle]")
    if await toggle.is_visible():
        await toggle.click()
    await page.get_by_label("Change your name").click()
    await page.get_by_role("textbox", name="Your name").fill("sam")
    await page.get_by_role("textbox", name="Your name").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("reserved")
    yield page, "its people, and a name that is taken"
    yield await visitor.open("/rooms/news/"), "one in which only the team writes"


async def widget(visitor: Visitor) -> States:
    page = await visit(visitor)
    yield page, "closed"
    chat = await opened(page)
    await chat.get_by_label("Your message").fill("Do you have green tea?")
    await chat.get_by_role("button", name="Send").click()
    await expect(chat.locator(".message.own")).to_have_attribute("data-state", "sent")
    yield page, "open"
    await page.keyboard.press("Escape")
    staff_answer(visitor)
    await expect(page.locator("[data-badge]")).to_have_text("1")
    yield page, "an answer"


async def others(visitor: Visitor) -> States:
    """Pages that visitors meet when something is not as it should be, and the end of mails."""
    request = RequestFactory().get("/")
    pages = {
        "not found": defaults.page_not_found(request, Exception()).content.decode(),
        "our fault": defaults.server_error(request).content.decode(),
        "the database is away": away(),
        "an end of mails": render_to_string("bridge/mail_stop.html", {"title": "Shop", "stopped": False}),
        "no more mails": render_to_string("bridge/mail_stop.html", {"title": "Shop", "stopped": True}),
        "no rooms": render_to_string("bridge/rooms.html", {"inbox": {"title": "Shop"}, "rooms": []}),
    }
    for name, html in pages.items():
        await visitor.context.route("**/other/", partial(answer, html))
        yield await visitor.open("/other/", ready=False), name


async def answer(html: str, route: Route) -> None:
    await route.fulfill(body=html, content_type="text/html")


STORIES: list[Callable[[Visitor], States]] = [a_conversation, around_it, in_rooms, widget, others]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_nobody_is_kept_out_of_a_page(
    arrive: Arrive, story: Callable[[Visitor], States], device: str
) -> None:
    visitor = await arrive(**DEVICES[device], reduced_motion="reduce")
    found: dict[str, list[str]] = {}
    async for page, state in story(visitor):
        await page.emulate_media(color_scheme="light")
        by_day = await violations(page, exclude=NOT_OURS)
        await page.emulate_media(color_scheme="dark")
        by_night = await violations(page, rules=IN_OTHER_COLOURS, exclude=NOT_OURS)
        if by_day or by_night:
            found[state] = by_day + by_night
    assert found == {}


async def test_what_keeps_somebody_out_is_noticed_in_a_frame_and_in_the_widget_too(visitor: Visitor) -> None:
    page = await visit(visitor)
    chat = await opened(page)
    assert await violations(page, exclude=NOT_OURS) == []
    await chat.locator("[data-send]").evaluate("(button) => button.removeAttribute('aria-label')")
    await chat.locator("[data-greeting]").evaluate("(words) => (words.style.color = '#ddd')")
    await page.locator("iframe").evaluate("(frame) => frame.removeAttribute('title')")
    found = await violations(page, exclude=NOT_OURS)
    assert {each.partition(":")[0] for each in found} == {"button-name", "color-contrast", "frame-title"}
