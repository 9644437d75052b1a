"""`python -m scripts.screenshots`: makes the README's picture anew, from the real thing.

Web, bot and sandbox Discord are started in a temporary folder, a visitor and staff talk, and the page and the thread
are photographed side by side.
"""

import asyncio
import base64
import os
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from bridge.sandbox.client import SandboxClient
from tests.chromium import find as find_chromium
from tests.processes import HERE, Site

PICTURE = HERE / "docs" / "screenshots" / "page-and-thread.png"
SIZE = {"width": 780, "height": 880}
"""As wide as the page is not taken for a phone's, whose messages each show a button for more."""
TALK = [
    ("visitor", "Hi! I booked two seats for Saturday’s pottery class, but the confirmation never came."),
    ("visitor", "Order 4711, in the name of Linden."),
    ("ada", "Good morning! Let me have a look …"),
    ("ada", "Found it: there was a typo in the address. I have just sent it again."),
    ("visitor", "Got it, thank you! Can I park near you?"),
    ("grace", "Yes, behind the station, five minutes on foot: https://example.org/parking"),
    ("visitor", "Perfect. See you on Saturday 🙂"),
]
FRAME = """
<!doctype html>
<style>
  body {{ margin: 0; padding: 26px; display: flex; gap: 26px; background: #e9ece5; width: max-content; }}
  img {{ width: {width}px; height: {height}px; border-radius: 18px; box-shadow: 0 10px 30px rgb(20 30 30 / 22%); }}
</style>
<img src="data:image/png;base64,{page}"><img src="data:image/png;base64,{thread}">
"""


async def main(site: Site) -> None:
    async with async_playwright() as playwright:
        chromium = find_chromium()
        if chromium is None:
            raise SystemExit("No Chromium: `make browser` installs one.")
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await _tab(browser, site.url)
        thread = await _tab(browser, site.sandbox_url)
        async with SandboxClient(site.sandbox_url) as discord:
            place = await _talk(page, discord)
            last = (await discord.messages(place))[-1]
            await discord.react_as("grace", place, last["id"], "❤️")
            await expect(page.locator(".reaction")).to_have_count(1, timeout=20_000)
            await thread.goto(f"{site.sandbox_url}/#{place}")
            await expect(thread.get_by_text("See you on Saturday").last).to_be_visible()
            await discord.type_as("ada", place)
            await expect(page.get_by_text("is typing")).to_be_visible()
            await expect(page.get_by_text("The team is online")).to_be_visible(timeout=20_000)
            await page.locator(".message", has_text="Found it").hover()
            await discord.type_as("ada", place)
            await _join(browser, await page.screenshot(), await thread.screenshot())
        await browser.close()


async def _tab(browser: Browser, url: str) -> Page:
    page = await browser.new_page(
        viewport=SIZE, device_scale_factor=1.25, color_scheme="light", locale="en-GB"
    )
    await page.goto(url)
    return page


async def _talk(page: Page, discord: SandboxClient) -> str:
    """Each waits until he has read the other. Returns the thread's id."""
    thread = ""
    for who, text in TALK:
        if who == "visitor":
            await page.get_by_label("Your message").fill(text)
            await page.get_by_label("Your message").press("Enter")
            mine = page.locator(".message.own", has_text=text)
            await expect(mine).to_have_attribute("data-state", "delivered", timeout=20_000)
            thread = (await discord.threads())[0]["id"]
        else:
            await discord.post_as(who, thread, text)
            await expect(page.get_by_text(text)).to_be_visible(timeout=20_000)
    return thread


async def _join(browser: Browser, page: bytes, thread: bytes) -> None:
    sheet = await browser.new_page(device_scale_factor=1.25, viewport={"width": 1640, "height": 940})
    pictures = {"page": base64.b64encode(page).decode(), "thread": base64.b64encode(thread).decode()}
    await sheet.set_content(FRAME.format(**SIZE, **pictures))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    await sheet.locator("body").screenshot(path=PICTURE)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, Site(Path(folder) / "var") as site:
        for part in (site.sandbox, site.web, site.bot):
            part.start()
        asyncio.run(main(site))
    sys.stdout.write(f"{os.path.relpath(PICTURE)}: {PICTURE.stat().st_size // 1024} KiB\n")
