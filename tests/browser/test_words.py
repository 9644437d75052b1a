"""What people write, with the looks that they gave it: Discord's markdown on the page."""

import re
import time
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.conftest import EMOJI, Arrive, Visitor, load, one_dot, shoot, words
from tests.browser.scripted import Script

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="package")]

STORY = f"""# The kettle is back
Its **new** price is __final__, *really*; ~~49~~ 39. See [our shop](https://shop.example.com/kettle?a=1) or \
<https://example.com/a_b_(c)>.
> Will there be a blue one?
Yes: ||on Sunday, with `blue=1`||.
- Ada asks
  - Grace answers
- Both wait
1. First
2. Second
```python
def price(kettle: str) -> int:
    return 39  # *not* italic
```
-# Sold until <t:{int(time.time()) + 9000}:R>, at <t:0:T> <:wave:118000000000000041> \\*as is\\*"""

HOSTILE = [
    "[a](javascript:alert(1)) [b](data:text/html,x) <javascript:alert(1)>",
    "<img src=x onerror=alert(1)> **<script>alert(1)</script>** `<b>`",
    '[x](https://evil.example" onmouseover="alert(1))',
    "```html\n<script>alert(1)</script>\n```",
    "<t:99999999999999:R> <t:-99999999999999999999>",
    "||<iframe src=https://evil.example>||",
]


@pytest_asyncio.fixture(loop_scope="package", autouse=True)
async def _emoji(visitor: Visitor) -> None:
    """Discord, from which the site fetches them, is not there."""
    await visitor.context.route(EMOJI, one_dot)


async def test_all_that_markdown_means_is_shown(page: Page, visitor: Visitor, server: Script) -> None:
    server.say(server.ada, STORY)
    await load(page, visitor)
    said = words(page).first
    await expect(said.locator("h3")).to_have_text("The kettle is back")
    for name, text in {
        "strong": "new",
        "u": "final",
        "em": "really",
        "s": "49",
        "small": "Sold until",
    }.items():
        await expect(said.locator(name)).to_contain_text(text)
    await expect(said.locator("blockquote")).to_have_text("Will there be a blue one?")
    await expect(said.locator("ul > li")).to_have_text(
        ["Ada asksGrace answers", "Grace answers", "Both wait"]
    )
    await expect(said.locator("ol > li")).to_have_text(["First", "Second"])
    await expect(said.locator("figcaption")).to_have_text("python")
    await expect(said.locator("pre code")).to_have_text(
        "def price(kettle: str) -> int:\n    return 39  # *not* italic"
    )
    await expect(said.get_by_role("img", name=":wave:")).to_have_attribute(
        "src", "/emoji/118000000000000041.webp"
    )
    await expect(said).to_contain_text("*as is*")


async def test_links_say_where_they_lead_and_lead_nowhere_else(
    page: Page, visitor: Visitor, server: Script
) -> None:
    server.say(server.ada, STORY)
    await load(page, visitor)
    masked, bare = (words(page).first.locator("a").nth(at) for at in (0, 1))
    await expect(masked).to_have_text("our shop (shop.example.com)")
    await expect(masked).to_have_attribute("title", "https://shop.example.com/kettle?a=1")
    await expect(bare).to_have_text("https://example.com/a_b_(c)")
    for link in (masked, bare):
        await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        await expect(link).to_have_attribute("target", "_blank")


async def test_a_visitor_hides_no_address_as_in_discord(page: Page, visitor: Visitor, server: Script) -> None:
    server.say(server.visitor, "**so** [win](https://evil.example)")
    await load(page, visitor)
    await expect(words(page)).to_have_text(["so [win](https://evil.example)"])
    await expect(words(page).locator("a")).to_have_text("https://evil.example")
    await expect(words(page).locator("strong")).to_have_text("so")


async def test_moments_are_in_the_readers_language_and_time_zone(arrive: Arrive, server: Script) -> None:
    server.say(server.ada, "<t:1700000000:F> or <t:1700000000:t>, <t:1700000000:R>")
    reader = await arrive(timezone_id="Asia/Tokyo")
    page = await reader.open("/static/bridge/icon.svg", ready=False)
    await server.serve(page)
    await load(page, reader)
    moments = page.locator("time.instant")
    full = re.compile(r"Wednesday,? 15 November 2023 at 07:13")
    await expect(moments).to_have_text([full, "07:13", re.compile(r"\d years ago")])
    await expect(moments.last).to_have_attribute("title", full)
    await expect(moments.last).to_have_attribute("datetime", "2023-11-14T22:13:20.000Z")


async def test_a_moment_from_now_stays_true(page: Page, visitor: Visitor, server: Script) -> None:
    await page.clock.install()
    now = await page.evaluate("Math.round(Date.now() / 1000)")
    server.say(server.ada, f"until <t:{now + 3600 * 2 + 30}:R>")
    await load(page, visitor)
    await expect(page.locator("time.instant")).to_have_text("in 2 hours")
    await page.clock.run_for(10 * 60_000)
    await expect(page.locator("time.instant")).to_have_text("in 1 hour")


async def test_a_spoiler_is_hidden_until_somebody_asks(page: Page, visitor: Visitor, server: Script) -> None:
    server.say(server.ada, "It was ||the [butler](https://butler.example)||, or ||the cook||")
    await load(page, visitor)
    first, second = (page.locator(".hidden-words").nth(at) for at in (0, 1))
    await expect(first).to_be_hidden()
    await expect(page.get_by_role("link")).to_have_count(0)  # neither read aloud nor reached by Tab
    await page.get_by_role("button", name="Show spoiler").first.press("Enter")
    await expect(first).to_be_visible()
    await expect(first).to_be_focused()
    await expect(second).to_be_hidden()
    await page.locator(".spoiler").nth(1).click()
    await expect(second).to_be_visible()


async def test_nothing_hostile_becomes_more_than_text(page: Page, visitor: Visitor, server: Script) -> None:
    for text in HOSTILE:
        server.say(server.ada, text)
        server.say(server.visitor, text)
    await load(page, visitor)
    await expect(words(page)).to_have_count(2 * len(HOSTILE))
    said = page.locator("[data-words]")
    assert await said.locator("script, img, iframe").count() == 0
    links = await said.locator("a").evaluate_all("all => all.map((each) => each.protocol)")
    assert set(links) <= {"https:", "http:"}
    attributes = await said.locator("*").evaluate_all(
        "all => [...new Set(all.flatMap((each) => each.getAttributeNames()))]"
    )
    assert not [each for each in attributes if each.startswith("on") or each == "style"]


async def test_pictures_of_it(arrive: Arrive, server: Script) -> None:
    server.say(server.ada, STORY)
    server.say(
        server.visitor,
        "I meant **this**: ||secret||\n> quoted\n```\ncode\n```\nhttps://example.com",
        state="delivered",
    )
    looks: dict[str, dict[str, Any]] = {
        "light": {"viewport": {"width": 1000, "height": 1000}, "color_scheme": "light"},
        "dark": {"viewport": {"width": 1000, "height": 1000}, "color_scheme": "dark"},
        "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    }
    for name, options in looks.items():
        reader = await arrive(**options)
        await reader.context.route(EMOJI, one_dot)
        page = await reader.open("/static/bridge/icon.svg", ready=False)
        await server.serve(page)
        await load(page, reader)
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name}: the page is {wide} px too wide"
        assert (await shoot(page, f"words-{name}")).stat().st_size > 0
