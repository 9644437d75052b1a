"""Files, in a real browser: chosen, dropped, pasted, refused, sent, opened; and from Discord."""

import asyncio
import re
from base64 import b64encode
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Page, expect

from bridge.sandbox.client import SandboxClient
from tests.browser.conftest import Arrive, Visitor, conversation, is_ready, shoot, write
from tests.files import devices
from tests.files.pictures import drawing, png, saved

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

WAV = b"RIFF\x24\x08\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00"
WAV += b"\x02\x00\x10\x00data\x00\x08\x00\x00" + bytes(2048)


def file(name: str, data: bytes, kind: str = "application/octet-stream") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": data}


def photo() -> bytes:
    return saved(drawing(1600, 1000, noise=True).resize((1600, 1000)), "JPEG", quality=70)


async def choose(page: Page, *files: FilePayload) -> None:
    await page.locator("[data-choose]").set_input_files(list(files))


async def hand_over(page: Page, event: str, name: str, data: bytes, kind: str) -> None:
    """Drop or paste a file, as far as a script can."""
    await page.evaluate(
        """([event, name, data, kind]) => {
          const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], name, { type: kind }));
          const text = document.querySelector("[data-text]");
          const options = { bubbles: true, cancelable: true };
          text.dispatchEvent(event === "paste"
            ? new ClipboardEvent("paste", { ...options, clipboardData: transfer })
            : new DragEvent(event, { ...options, dataTransfer: transfer }));
        }""",
        [event, name, b64encode(data).decode(), kind],
    )


async def test_a_picture_that_no_browser_shows_is_a_file_with_name_and_size(
    visitor: Visitor, discord: SandboxClient
) -> None:
    page = await visitor.open()
    (heic, *_) = devices.pictures_not_shown()
    await choose(page, file(heic.name, heic.data, heic.kind))
    chosen = page.locator(".upload[data-state=ready]")
    await expect(chosen).to_contain_text(heic.name)
    await expect(chosen.locator("[data-preview]")).to_be_hidden()
    await conversation(page, discord, "From my telephone")
    sent = page.locator(".message.own a.file")
    await expect(sent).to_contain_text(heic.name)
    await expect(sent.locator(".file-facts")).to_have_text(re.compile(r"\d"))
    await shoot(page, "files-not-shown")
    async with page.expect_download() as downloading:
        await sent.click()
    assert (await downloading.value).suggested_filename == heic.name


async def test_files_go_to_discord_and_come_from_there(
    visitor: Visitor,
    stranger: Visitor,
    discord: SandboxClient,
    tmp_path: Path,
) -> None:
    visitor.expected = re.compile("422")
    page = await visitor.open()
    await choose(page, file("receipt.jpg", photo(), "image/jpeg"), file("notes.txt", b"Order 7\n"))
    await hand_over(page, "paste", "pasted.png", png(300, 200), "image/png")
    await hand_over(page, "drop", "page.html", b"<html><script>1</script>", "text/html")
    await expect(page.locator(".upload[data-state=ready]")).to_have_count(3)
    refused = page.locator(".upload[data-state=refused]")
    await expect(refused).to_contain_text("Files of this type are not allowed here")
    await shoot(page, "files-chosen")
    await refused.get_by_role("button", name="Remove page.html").click()
    thread = await conversation(page, discord, "My receipt")
    mine = page.locator(".message.own")
    await expect(mine.locator(".picture img")).to_have_count(2)
    await expect(mine.locator("a.file")).to_contain_text("notes.txt")
    (said,) = [each for each in await discord.messages(thread["id"]) if each["content"] == "My receipt"]
    assert [each["filename"] for each in said["attachments"]] == ["receipt.jpg", "notes.txt", "pasted.png"]

    # Nothing jumps: the room of a picture is known before it is there.
    size = await mine.locator(".picture img").first.evaluate("(img) => [img.width, img.height]")
    assert size == [320, 200]

    answers = {"map.png": png(900, 600), "voice.wav": WAV, "terms.pdf": b"%PDF-1.7\n%\xe2\xe3\n%%EOF\n"}
    await discord.post_as("ada", thread["id"], "", files=answers)
    theirs = page.locator(".message:not(.own)")
    await expect(theirs.locator(".picture img")).to_be_visible()
    await expect(theirs.locator("audio")).to_be_visible()
    await expect(theirs.locator("a.file", has_text="terms.pdf")).to_be_visible()
    loaded = "(img) => img.complete && img.naturalWidth > 0"
    await page.wait_for_function(
        f"() => [...document.querySelectorAll('.picture img')].every({loaded})", timeout=30_000
    )
    await shoot(page, "files-both-ways")

    await theirs.locator(".picture").click()
    box = page.locator("[data-lightbox]")
    await expect(box.locator("img")).to_have_js_property("naturalWidth", 900)
    await expect(box.get_by_role("button", name="Close")).to_be_focused()
    await shoot(page, "files-lightbox")
    await page.keyboard.press("Escape")
    await expect(box).to_be_hidden()

    async with page.expect_download() as downloading:
        await theirs.locator("a.file", has_text="terms.pdf").click()
    assert (await downloading.value).suggested_filename == "terms.pdf"

    address = await theirs.locator(".picture").get_attribute("href")
    other = await stranger.open()
    stranger.expected = re.compile("404")
    status = await other.evaluate("async (url) => (await fetch(url)).status", address)
    assert status == 404
    await page.reload()
    await is_ready(page)
    await expect(page.locator(".picture img")).to_have_count(3)


async def test_a_file_that_is_lost_on_the_way_is_sent_again_and_words_stay(visitor: Visitor) -> None:
    visitor.expected = re.compile("ERR_FAILED")
    page = await visitor.open()
    await page.route("**/files/?*", lambda route: route.abort())
    await page.get_by_label("Your message").fill("With a picture")
    await choose(page, file("cat.png", png(), "image/png"))
    item = page.locator(".upload")
    await expect(item).to_contain_text("The connection was lost")
    await page.unroute("**/files/?*")
    await item.get_by_role("button", name="Try to upload cat.png again").click()
    await expect(item).to_have_attribute("data-state", "ready")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".message.own .picture img")).to_have_count(1)
    await expect(page.locator(".upload")).to_have_count(0)


async def test_a_file_that_is_too_large_is_refused_before_it_is_sent(visitor: Visitor) -> None:
    page = await visitor.open()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    await page.evaluate(
        """() => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(27 * 1024 * 1024)], "film.mp4"));
          const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
          document.querySelector("[data-text]").dispatchEvent(new DragEvent("drop", options));
        }"""
    )
    await expect(page.locator(".upload")).to_contain_text("Larger than 26.2 MB")
    assert "POST" not in asked
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone_in_both_colours(arrive: Arrive, scheme: str) -> None:
    visitor = await arrive(viewport={"width": 390, "height": 760}, color_scheme=scheme, has_touch=True)
    page = await visitor.open()
    await choose(page, file("receipt.jpg", photo(), "image/jpeg"), file("voice.wav", WAV, "audio/wav"))
    await expect(page.locator(".upload[data-state=ready]")).to_have_count(2)
    await page.get_by_label("Your message").fill("Two of them")
    await page.get_by_role("button", name="Send", exact=True).click()
    await choose(page, file("a-rather-long-name-for-a-file-of-some-size.pdf", b"%PDF-1.7\n\xe2%%EOF\n"))
    await expect(page.locator(".upload[data-state=ready]")).to_have_count(1)
    await expect(page.locator(".message.own .picture img")).to_be_visible()
    await asyncio.sleep(0.3)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await shoot(page, f"files-phone-{scheme}")
    await write(page, "and on")
