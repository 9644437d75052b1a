"""Rooms in three real browsers: coming, writing, renaming, going, by day and by night, wide and narrow."""

import re

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.conftest import Arrive, is_ready, shoot, words, write
from tests.processes import Site

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}

ROOMS = """
from bridge.chat.actions import save_room
from bridge.chat.actions.receiving import Incoming, RemoteAuthor, receive_message
from bridge.models import Endpoint, Inbox, Participant, Room
from django.utils import timezone
if not Room.objects.filter(slug="harbour").exists():
    inbox = Inbox.objects.get(name="default")
    rooms = [
        Room(inbox=inbox, slug="harbour", name="The harbour", topic="Boats, tides and where to find good chowder"),
        Room(inbox=inbox, slug="news", name="Notices", topic="From the team", read_only=True),
        Room(inbox=inbox, slug="attic", name="The attic", access="link", link_key="k" * 22),
        Room(inbox=inbox, slug="slow", name="Slow lane", slow_mode=30),
    ]
    for at, room in enumerate(rooms):
        save_room(room, endpoints={"discord": str(910_000_000_000_000_000 + at)}, is_open=True)
        endpoint = Endpoint.objects.get(connection_id=room.pk)
        sam = RemoteAuthor("42", "Sam")
        receive_message(endpoint.pk, Incoming(str(920_000_000_000_000_000 + at), sam, "Welcome!", timezone.now()))
    Participant.objects.filter(nick="Sam").update(colour="#e67e22")
"""


@pytest_asyncio.fixture(loop_scope="package")
async def rooms(site: Site) -> None:
    site.manage("shell", "-c", ROOMS)


async def _at_rest(page: Page) -> None:
    """What slides in has come to its place."""
    await page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished)).then(() => null)")


async def test_three_people_in_a_room(arrive: Arrive, rooms: None) -> None:
    ada, bob = await arrive(), await arrive(color_scheme="dark")
    listed = await ada.open("/rooms/", ready=False)
    await expect(listed.get_by_role("link")).to_have_count(3)
    await shoot(listed, "rooms-list")
    await listed.get_by_role("link", name=re.compile("The harbour")).click()
    await is_ready(listed)
    here, there = listed, await bob.open("/rooms/harbour/")
    await expect(words(there)).to_have_text(["Welcome!"])
    await expect(there.locator(".name.coloured")).to_have_text("Sam")
    await expect(here.get_by_text("2 people are here")).to_be_visible()

    await here.get_by_label("Change your name").click()
    await here.get_by_role("textbox", name="Your name").fill("Anna")
    await here.get_by_role("textbox", name="Your name").press("Enter")
    await expect(here.get_by_text("You are Anna")).to_be_visible()
    await expect(there.locator(".row.notice")).to_contain_text("is now called Anna")
    await there.get_by_label("Change your name").click()
    await there.get_by_role("textbox", name="Your name").fill("\N{CYRILLIC CAPITAL LETTER A}nna")
    await there.get_by_role("button", name="Save").click()
    await expect(there.get_by_role("alert")).to_contain_text("looks like it")
    await shoot(there, "room-name-taken")
    await there.get_by_role("textbox", name="Your name").fill("sam")
    await there.get_by_role("button", name="Save").click()
    await expect(there.get_by_role("alert")).to_contain_text("reserved")
    await there.get_by_role("textbox", name="Your name").fill("Bob")
    await there.get_by_role("button", name="Save").click()

    await write(here, "Is the tide in?")
    await expect(there.locator(".message", has_text="Is the tide in?").locator("[data-name]")).to_have_text(
        "Anna"
    )
    await write(there, "Until *five*")
    await expect(words(here)).to_have_text(["Welcome!", "Is the tide in?", "Until five"])

    await there.get_by_label("Change your name").click()
    await there.get_by_role("textbox", name="Your name").fill("Bobby")
    await there.get_by_role("textbox", name="Your name").press("Enter")
    # What he said before is his, whatever he is called.
    await expect(here.locator(".message", has_text="Until").locator("[data-name]")).to_have_text("Bobby")

    cyd = await arrive(**PHONE)
    phone = await cyd.open("/rooms/harbour/")
    await expect(here.locator(".row.notice").last).to_contain_text("joined")
    await phone.locator("[data-members-toggle]").click()
    await expect(phone.get_by_text("3 people are here")).to_be_visible()
    await expect(phone.locator(".member-name")).to_have_count(3)
    await _at_rest(phone)
    drawer = await phone.locator("[data-members]").bounding_box()
    assert drawer is not None
    assert round(drawer["x"] + drawer["width"]) == 390
    await shoot(phone, "room-phone-members")
    await phone.keyboard.press("Escape")
    await expect(phone.locator("[data-members-toggle]")).to_be_focused()
    await _at_rest(phone)
    title = await phone.get_by_role("heading", name="The harbour").bounding_box()
    assert title is not None
    assert title["x"] > 0
    await shoot(phone, "room-phone")
    await phone.get_by_label("Your message").fill("I am late")
    await phone.get_by_role("button", name="Send").click()
    await expect(words(there).last).to_have_text("I am late")
    await shoot(here, "room-wide")
    await shoot(there, "room-wide-dark")

    await phone.close()
    await expect(here.locator(".row.notice").last).to_contain_text(" left")
    await expect(here.get_by_text("2 people are here")).to_be_visible()
    await here.reload()
    await is_ready(here)
    await expect(words(here)).to_have_text(["Welcome!", "Is the tide in?", "Until five", "I am late"])
    await expect(here.get_by_text("You are Anna")).to_be_visible()


async def test_a_stranger_without_the_key_finds_no_room_by_link(arrive: Arrive, rooms: None) -> None:
    guest, stranger = await arrive(), await arrive()
    page = await guest.open(f"/rooms/attic/{'k' * 22}/")
    await write(page, "Among ourselves")
    stranger.expected = re.compile("404")
    theirs = await stranger.open("/rooms/attic/", ready=False)
    await expect(theirs.get_by_text("There is no chat here")).to_be_visible()
    wrong = await stranger.open(f"/rooms/attic/{'x' * 22}/", ready=False)
    await expect(wrong.get_by_text("There is no chat here")).to_be_visible()


async def test_what_a_room_says_is_not_said_in_the_visitors_own_chat(arrive: Arrive, rooms: None) -> None:
    visitor = await arrive()
    private = await visitor.open("/")
    await write(private, "For the team only")
    room = await visitor.open("/rooms/harbour/")
    await write(room, "For everybody")
    await expect(words(room).last).to_have_text("For everybody")
    await private.reload()
    await is_ready(private)
    await expect(words(private)).to_have_text(["For the team only"])
    await expect(room.get_by_text("For the team only")).to_have_count(0)


async def test_a_room_says_who_may_write_and_how_often(arrive: Arrive, rooms: None) -> None:
    visitor = await arrive()
    news = await visitor.open("/rooms/news/")
    await expect(news.get_by_text("Only the team can write in this room.")).to_be_visible()
    await expect(news.get_by_label("Your message")).to_be_hidden()
    slow = await visitor.open("/rooms/slow/")
    await expect(slow.get_by_text("Slow mode: one message every 30 seconds.")).to_be_visible()
    await write(slow, "First")
    await expect(slow.locator(".message.own").first).to_have_attribute("data-state", "sent")
    await write(slow, "Second")
    await shoot(slow, "room-slow")
    await expect(slow.locator(".message.own").last).to_have_attribute("data-state", "sending")
