"""The sandbox's page in a real Chromium: read along, write as staff."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import discord
import pytest
import pytest_asyncio
from discord import app_commands
from playwright.async_api import Browser, ConsoleMessage, Page, Route, async_playwright, expect

from bridge.sandbox import defaults
from bridge.sandbox.client import SandboxClient
from bridge.sandbox.server import Server
from tests.chromium import ARGUMENTS
from tests.files.pictures import png
from tests.sandbox.api import Api
from tests.sandbox.bots import Bot, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUPPORT = defaults.SUPPORT_CHANNEL_ID
MESSAGE = "/channels/{channel_id}/messages/{message_id}"
expect.set_options(timeout=30_000)
HOSTILE = "<img src=x onerror=alert(1)> & <b>bold</b> [x](javascript:alert(1))"


def unexpected(message: ConsoleMessage) -> bool:
    """The browser complains of a refused post too, which is an answer like any other."""
    return message.type == "error" and not message.location["url"].endswith(
        ("/sandbox/post", "/sandbox/type")
    )


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


# Each test's own, in the loop of the one browser.


@pytest_asyncio.fixture(loop_scope="module")
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    running = Server(host="127.0.0.1", port=0, state=tmp_path / "state")
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(server: Server) -> AsyncIterator[SandboxClient]:
    async with SandboxClient(server.url) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def api(server: Server) -> AsyncIterator[Api]:
    async with Api(server.url) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, server: Server) -> AsyncIterator[Page]:
    """The page, open. Whatever the browser complains about fails the test."""
    complaints: list[str] = []
    context = await browser.new_context()
    opened = await context.new_page()
    opened.on("console", lambda message: complaints.append(message.text) if unexpected(message) else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    await opened.goto(server.url)
    await expect(opened.locator("#title")).to_have_text("support")
    yield opened
    await context.close()
    assert complaints == []


async def open_thread(api: Api, name: str = "Blue Otter") -> int:
    card = await api.call(
        "POST /channels/{channel_id}/messages",
        channel_id=SUPPORT,
        json={"embeds": [{"title": f"{name} writes"}]},
    )
    place = {"channel_id": SUPPORT, "message_id": card["id"]}
    await api.call(f"POST {MESSAGE}/threads", status=201, json={"name": name}, **place)
    return int(card["id"])


async def say(api: Api, channel_id: int, content: str) -> None:
    await api.call("POST /channels/{channel_id}/messages", channel_id=channel_id, json={"content": content})


@pytest.mark.browser
async def test_staff_answer_in_a_thread_that_appears_while_the_page_is_open(
    page: Page, api: Api, sandbox: SandboxClient
) -> None:
    thread = await open_thread(api)
    await say(api, thread, "Is it in stock?")
    await page.locator("#channels").get_by_text("Blue Otter").click()
    await expect(page.locator(".message")).to_have_count(2)
    await expect(page.locator(".message").nth(0)).to_contain_text("Blue Otter writes")
    await expect(page.locator(".message").nth(1)).to_contain_text("Is it in stock?")
    await page.locator("#text").fill("It is!")
    await page.locator("#text").press("Enter")
    await expect(page.locator(".message").nth(2)).to_contain_text("It is!")
    said = (await sandbox.messages(thread))[-1]
    assert (said["author"]["name"], said["content"]) == ("Ada", "It is!")


@pytest.mark.browser
async def test_what_others_write_is_text_and_nothing_else(page: Page, sandbox: SandboxClient) -> None:
    await sandbox.post_as("robin", SUPPORT, HOSTILE)
    await expect(page.locator(".content")).to_have_text(HOSTILE)
    assert await page.locator(".content img, .content b, .content a").count() == 0


@pytest.mark.browser
async def test_a_link_leads_where_it_says_also_behind_words(page: Page, sandbox: SandboxClient) -> None:
    await sandbox.post_as(
        "robin",
        SUPPORT,
        "[Open it](https://example.org/1/change/), <https://example.org/2>, https://example.org/3.",
    )
    await expect(page.locator(".content")).to_have_text(
        "Open it, https://example.org/2, https://example.org/3."
    )
    links = await page.locator(".content a").evaluate_all("all => all.map((each) => each.href)")
    assert links == [
        "https://example.org/1/change/",
        "https://example.org/2",
        "https://example.org/3",
    ]


@pytest.mark.browser
async def test_the_newest_is_still_seen_when_a_picture_above_it_has_come(
    page: Page, sandbox: SandboxClient
) -> None:
    for number in range(20):
        await sandbox.post_as("robin", SUPPORT, f"number {number}")
    await sandbox.post_as("robin", SUPPORT, "Look", files={"cat.png": png(400, 300)})
    await sandbox.post_as("robin", SUPPORT, "the last word")
    await page.reload()
    await expect(page.locator(".files img")).to_have_js_property("naturalWidth", 400)
    await expect(page.get_by_text("the last word")).to_be_in_viewport(ratio=1)


@pytest.mark.browser
async def test_replies_reactions_edits_and_deletions_show(page: Page, sandbox: SandboxClient) -> None:
    first = await sandbox.post_as("robin", SUPPORT, "Anyone?")
    await sandbox.post_as("grace", SUPPORT, "Here", reply_to=first["id"])
    await expect(page.locator(".quote").nth(1)).to_contain_text("Anyone?")
    await sandbox.react_as("ada", SUPPORT, first["id"], "✅")
    await expect(page.locator(".reaction")).to_have_text("✅ 1")
    await sandbox.edit(SUPPORT, first["id"], "Anyone there?")
    await expect(page.locator(".content").nth(0)).to_contain_text("Anyone there? (edited)")
    await sandbox.delete(SUPPORT, first["id"])
    await expect(page.locator(".message")).to_have_count(1)


@pytest.mark.browser
async def test_a_reply_by_hand_goes_to_the_message_that_was_meant(page: Page, sandbox: SandboxClient) -> None:
    asked = await sandbox.post_as("robin", SUPPORT, "Anyone?")
    await page.locator("#who").select_option(label="Grace")
    await page.locator(".message").hover()
    await page.locator("[data-do=reply]").click()
    await page.locator("#text").fill("Here")
    await page.locator("#text").press("Enter")
    await expect(page.locator(".message")).to_have_count(2)
    said = (await sandbox.messages(SUPPORT))[-1]
    assert (said["author"]["name"], said["reply_to"]) == ("Grace", asked["id"])


@pytest.mark.browser
async def test_what_comes_while_a_channel_is_loaded_is_not_lost(page: Page, sandbox: SandboxClient) -> None:
    await expect(page.locator("#messages")).to_contain_text("No messages yet.")

    async def late(route: Route) -> None:
        older = await route.fetch()
        await sandbox.post_as("robin", SUPPORT, "Meanwhile")
        await expect(page.locator("#messages")).to_contain_text("Meanwhile")
        await route.fulfill(response=older)

    await page.route("**/sandbox/channels/*/messages?*", late)
    async with page.expect_event("requestfinished", lambda request: "messages?" in request.url):
        await page.locator("#channels").get_by_text("support").click()
    await expect(page.locator(".message")).to_have_count(1)


@pytest.mark.browser
async def test_a_refusal_is_shown_and_the_text_kept(page: Page, sandbox: SandboxClient) -> None:
    await sandbox.remove(SUPPORT)
    await page.locator("#text").evaluate("text => { text.closest('form').hidden = false }")
    await page.locator("#text").fill("Still here?")
    await page.locator("#text").press("Enter")
    await expect(page.locator("#error")).to_have_text("Unknown Channel")
    await expect(page.locator("#text")).to_have_value("Still here?")


@pytest.mark.browser
async def test_older_messages_come_when_scrolling_up(page: Page, sandbox: SandboxClient) -> None:
    for number in range(120):
        await sandbox.post_as("robin", SUPPORT, f"message {number}")
    await page.reload()
    await expect(page.locator(".message")).to_have_count(50)
    for shown in (100, 120):
        await page.locator("#scroll").evaluate("scroll => { scroll.scrollTop = 0 }")
        await expect(page.locator(".message")).to_have_count(shown)
    await expect(page.locator(".content").first).to_have_text("message 0")


@pytest.mark.browser
async def test_on_a_phone_the_channels_are_behind_a_button(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 780})
    await expect(page.locator("#channels")).not_to_be_visible()
    await page.locator("#menu").click()
    await page.locator("#channels").get_by_text("general").click()
    await expect(page.locator("#title")).to_have_text("general")
    await expect(page.locator("#channels")).not_to_be_visible()


async def test_the_page_allows_nothing_from_elsewhere(server: Server) -> None:
    async with aiohttp.ClientSession() as session, session.get(server.url) as response:
        policy = response.headers["Content-Security-Policy"]
        text = await response.text()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert "style=" not in text


async def test_a_foreign_page_gets_no_gateway(server: Server) -> None:
    address = server.url.replace("http", "ws") + "/gateway"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(address, origin="https://evil.example")
    assert refused.value.status == 403


@pytest.mark.browser
async def test_staff_attach_a_picture_and_see_it(page: Page, api: Api, sandbox: SandboxClient) -> None:
    thread = await open_thread(api)
    await page.locator(f'[data-channel="{thread}"]').first.click()
    await page.locator("#files").set_input_files(
        [
            {"name": "cat.png", "mimeType": "image/png", "buffer": png()},
            {"name": "page.html", "mimeType": "text/html", "buffer": b"<script>alert(1)</script>"},
        ]
    )
    await expect(page.locator("#chosen")).to_have_text("cat.png, page.html")
    await page.locator("#text").fill("Look")
    await page.locator("#text").press("Enter")
    await expect(page.locator(".files img")).to_have_js_property("naturalWidth", 40)
    await expect(page.locator(".files").last).to_contain_text("📎 page.html")
    said = (await sandbox.messages(thread))[-1]
    assert [each["filename"] for each in said["attachments"]] == ["cat.png", "page.html"]
    async with aiohttp.ClientSession() as session, session.get(said["attachments"][1]["url"]) as response:
        assert response.content_type == "application/octet-stream"
        assert response.headers["Content-Disposition"] == "attachment"


@pytest.mark.browser
async def test_staff_use_a_message_command_and_only_they_see_the_answer(
    page: Page, api: Api, sandbox: SandboxClient, server: Server
) -> None:
    bot = Bot()
    tree = app_commands.CommandTree(bot)
    guild = discord.Object(defaults.GUILD_ID)

    @tree.context_menu(name="Praise", guild=guild)
    @app_commands.default_permissions(manage_messages=True)
    async def praise(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.edit_original_response(
            content=f"**{message.content}** Good until <t:4102444800:t>."
        )

    thread = await open_thread(api)
    await say(api, thread, "Is it in stock?")
    async with running(bot, server.url):
        await tree.sync(guild=guild)
        await page.locator("#channels").get_by_text("Blue Otter").click()
        message = page.locator(".message").nth(1)
        await message.hover()
        await message.get_by_title("Apps").click()
        await page.locator("#apps").get_by_role("button", name="Praise").click()
        await expect(page.locator("#apps-answer")).to_have_text(
            re.compile(r"^Is it in stock\? Good until \d+:\d+")
        )
        await page.locator("#apps").get_by_role("button", name="Close").click()
        await expect(page.locator("#apps")).to_be_hidden()
        await page.locator("#who").select_option(label="Robin")
        await message.hover()
        await message.get_by_title("Apps").click()
        await expect(page.locator("#apps-list")).to_have_text("No app has commands here.")
    assert [each["content"] for each in await sandbox.messages(thread)][-1] == "Is it in stock?"
    await expect(page.locator(".message")).to_have_count(2)
