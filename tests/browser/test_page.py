"""The page by itself, before a server that does what the test says."""

import uuid

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Arrive, Visitor, load, shoot, words, write
from tests.browser.scripted import Refused, Script

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

HOSTILE = "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 2'><b>bold</b>"


def own(page: Page) -> object:
    return page.locator(".message.own").last


async def test_an_own_message_is_drawn_at_once_then_sent_delivered_and_read(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.visitor, "earlier")
    server.silent.add("message.send")
    await load(page, visitor)
    await write(page, "hello")
    message = page.locator(".message.own").last
    await expect(message).to_have_attribute("data-state", "sending")
    await expect(message).to_contain_text("hello")

    (sent,) = await server.wait_for("message.send")
    stored = server.say(server.visitor, "hello", client_id=sent["client_id"])
    server.announce("message.posted", stored)
    await expect(message).to_have_attribute("data-state", "sent")
    server.announce("message.delivered", server.change(stored, state="delivered"))
    await expect(message).to_contain_text("Delivered")
    server.answer("Good morning")
    await expect(message).to_have_attribute("data-state", "read")
    await expect(words(page)).to_have_text(["earlier", "hello", "Good morning"])


async def test_an_unacknowledged_message_survives_a_reload_under_the_same_client_id(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.silent.add("message.send")
    await load(page, visitor)
    await write(page, "first")
    await write(page, "second")
    (lost,) = await server.wait_for("message.send")

    server.silent.clear()
    await page.reload()
    await expect(page.locator(".message.own[data-state=sent]")).to_have_count(2)
    sent = server.commands("message.send")
    assert [each["content"] for each in sent] == ["first", "first", "second"]
    assert sent[1]["client_id"] == lost["client_id"]
    # They begin with the time, and rise: the database adds them at one end.
    assert {uuid.UUID(each["client_id"]).version for each in sent} == {7}
    assert await page.evaluate("Object.keys(localStorage)") == []


async def test_what_was_not_sent_yet_survives_a_reload(page: Page, visitor: Visitor) -> None:
    await load(page, visitor)
    await page.get_by_label("Your message").fill("half a sent")
    await page.reload()
    await expect(page.get_by_label("Your message")).to_have_value("half a sent")


async def test_a_visitor_who_is_blocked_is_told(page: Page, visitor: Visitor, server: Script) -> None:
    await load(page, visitor)
    await server.block()
    await expect(page.locator("[data-banner]")).to_contain_text("The team has blocked you in this chat.")
    await shoot(page, "blocked")


async def test_what_moderation_refuses_is_said(page: Page, visitor: Visitor, server: Script) -> None:
    server.refuse["message.send"] = [Refused("not_permitted", filter="words")]
    await load(page, visitor)
    await write(page, "hello")
    await expect(page.locator(".message.own")).to_contain_text("It contains a word that is not allowed here.")


async def test_edits_deletions_and_gaps_are_shown(page: Page, visitor: Visitor, server: Script) -> None:
    first, second = server.say(server.ada, "helo"), server.say(server.ada, "oops")
    server.say(None, "", kind="gap", gap_size=7)
    await load(page, visitor)
    now = first["created_at"]
    server.announce("message.edited", server.change(first, content="hello", edited_at=now))
    server.announce("message.deleted", server.change(second, content="", deleted_at=now))
    await expect(words(page)).to_have_text(["hello", "This message was deleted"])
    await expect(page.locator(".edited").first).to_be_visible()
    await expect(page.get_by_text("7 messages are missing here")).to_be_visible()


async def test_a_refused_message_says_why_and_is_tried_again_under_the_same_client_id(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.refuse["message.send"] = [Refused("internal")]
    await load(page, visitor)
    await write(page, "hello")
    message = page.locator(".message.own")
    await expect(message).to_contain_text("Something went wrong on our side.")
    await shoot(page, "refused")
    await page.reload()
    await message.get_by_role("button", name="Try again").click()
    await expect(message).to_have_attribute("data-state", "sent")
    first, second = server.commands("message.send")
    assert first == second


async def test_a_message_that_did_not_reach_the_team_says_so_and_can_be_written_again(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.visitor, "too rude", state="failed", failure="refused")
    await load(page, visitor)
    await expect(page.locator(".message.own")).to_contain_text("The team’s chat refused this message.")
    await page.get_by_role("button", name="Edit and send again").click()
    await expect(page.get_by_label("Your message")).to_have_value("too rude")


async def test_a_message_that_did_not_reach_the_team_is_tried_again(
    page: Page, visitor: Visitor, server: Script
) -> None:
    said = server.say(server.visitor, "hello", state="failed", failure="unknown")
    server.refuse["message.retry"] = [Refused("internal")]
    await load(page, visitor)
    message = page.locator(".message.own")
    await message.get_by_role("button", name="Try again").click()
    await expect(message).to_contain_text("Something went wrong on our side.")
    await message.get_by_role("button", name="Try again").click()
    await expect(message).to_have_attribute("data-state", "sent")
    assert server.commands("message.retry") == [{"message": said["uid"]}] * 2


async def test_it_stays_where_the_reader_reads(page: Page, visitor: Visitor, server: Script) -> None:
    for number in range(60):
        server.say(server.ada, f"message {number}")
    server.read_seq = 60
    await load(page, visitor)
    bottom = "({scrollHeight, scrollTop, clientHeight}) => scrollHeight - scrollTop - clientHeight"
    scroller = page.locator("[data-scroller]")
    assert await scroller.evaluate(bottom) < 2
    server.answer("seen at once")
    await expect(page.get_by_text("seen at once")).to_be_in_viewport()

    await scroller.evaluate("(element) => element.scrollBy(0, -800)")
    newer = page.locator("[data-newer]")
    await expect(newer).to_be_visible()
    read = page.locator(".message", has_text="message 40")
    before = await read.bounding_box()
    server.answer("below the fold")
    await expect(newer).to_contain_text("1 new message")
    after = await read.bounding_box()
    assert before is not None
    assert after is not None
    assert after["y"] == pytest.approx(before["y"], abs=1)
    await expect(page).to_have_title("(1) Chat with us")
    await newer.click()
    await expect(page.get_by_text("below the fold")).to_be_in_viewport()
    await expect(page).to_have_title("Chat with us")
    assert (await server.wait_for("receipt.read", 2))[-1]["seq"] == len(server.messages)


async def test_what_is_read_is_told_and_a_hidden_tab_reads_nothing(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.ada, "one")
    await load(page, visitor)
    assert await server.wait_for("receipt.read") == [{"connection": server.uid, "seq": 1}]
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    await page.evaluate(hide % "true")
    server.answer("two")
    await expect(page).to_have_title("(1) Chat with us")
    assert len(server.commands("receipt.read")) == 1
    await expect(page.locator(".row.unread")).to_have_text("1 new message")
    await page.evaluate(hide % "false" + "document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page).to_have_title("Chat with us")
    assert (await server.wait_for("receipt.read", 2))[1]["seq"] == 2


async def test_content_is_text_and_never_markup(page: Page, visitor: Visitor, server: Script) -> None:
    server.ada["name"] = "<i>Ada</i>"
    server.say(server.ada, HOSTILE)
    await load(page, visitor)
    await write(page, HOSTILE)
    await expect(words(page)).to_have_text([HOSTILE, HOSTILE])
    assert await page.locator("[data-log] :is(script, b, i, img[src])").count() == 0
    assert await page.evaluate("window.stolen") is None
    await expect(page.locator(".message .name").first).to_have_text("<i>Ada</i>")


async def test_the_limit_is_counted_and_what_is_too_long_is_kept_back(
    page: Page, visitor: Visitor, server: Script
) -> None:
    await load(page, visitor)
    await page.get_by_label("Your message").fill("🦦" * 4000)
    await expect(page.locator("[data-counter]")).to_have_text("4,000 of 4,000 characters")
    await page.get_by_label("Your message").fill("🦦" * 4002)
    await expect(page.locator("[data-counter]")).to_have_text("2 characters too many")
    await page.get_by_label("Your message").press("Enter")
    await page.get_by_label("Your message").fill("  \n ")
    await page.get_by_label("Your message").press("Enter")
    await expect(page.get_by_role("button", name="Send")).to_be_disabled()
    assert server.commands("message.send") == []


async def test_typing_is_told_now_and_then_and_shown_until_the_message(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.ada, "one")
    await load(page, visitor)
    await page.get_by_label("Your message").press_sequentially("hello")
    assert await server.wait_for("typing.start") == [{"connection": server.uid}]
    server.send_event("typing.started", {"author": server.ada})
    await expect(page.get_by_text("Ada Lovelace is typing")).to_be_visible()
    server.answer("done")
    await expect(page.get_by_text("Ada Lovelace is typing")).to_be_hidden()


async def test_presence_is_shown(page: Page, visitor: Visitor, server: Script) -> None:
    await load(page, visitor)
    await expect(page.locator("[data-presence]")).to_have_text("The team is online")
    server.send_event("presence.changed", {"staff_online": False})
    await expect(page.locator("[data-presence]")).to_contain_text("We’re away")


@pytest.mark.parametrize("width", [320, 390])
async def test_on_a_phone_that_the_team_is_away_takes_two_lines_at_most(
    page: Page, visitor: Visitor, server: Script, width: int
) -> None:
    await page.set_viewport_size({"width": width, "height": 568})
    server.say(server.visitor, "hello")  # so that the chat can be ended
    await load(page, visitor)
    await expect(page.get_by_role("button", name="End chat")).to_be_visible()
    presence = page.locator("[data-presence]")
    line = await presence.evaluate("each => parseFloat(getComputedStyle(each).lineHeight)")
    server.send_event("presence.changed", {"staff_online": False})
    await expect(presence).to_contain_text("We’re away")
    assert await presence.evaluate("each => each.getBoundingClientRect().height") < 2.5 * line


async def test_it_looks_right_by_day_by_night_and_on_a_phone(arrive: Arrive) -> None:
    for scheme in ("light", "dark"):
        for device, size in {"desktop": (1280, 800), "phone": (390, 844)}.items():
            server = Script()
            visitor = await arrive(
                color_scheme=scheme,
                viewport={"width": size[0], "height": size[1]},
                has_touch=device == "phone",
                is_mobile=device == "phone",
            )
            page = await visitor.open("/static/bridge/icon.svg", ready=False)
            await server.serve(page)
            await load(page, visitor)
            await shoot(page, f"{scheme}-{device}-empty")
            server.say(server.visitor, "Hello! Did my order arrive at your place?", minutes_ago=1500)
            server.say(server.ada, "Let me look … it did, this morning.", minutes_ago=1490, state="delivered")
            server.say(None, "", kind="gap", gap_size=2, minutes_ago=1480)
            server.say(server.ada, "w" * 300, minutes_ago=5)
            server.say(server.visitor, "مرحبا https://example.org", state="failed", failure="unknown")
            await load(page, visitor)
            await shoot(page, f"{scheme}-{device}-conversation")
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= size[0]
            await page.close()
