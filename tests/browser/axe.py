"""What axe-core finds on a page: the part of accessibility that a machine can judge."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
IN_OTHER_COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules that may find something else where nothing but the colours changed."""
# Style sheets are not fetched anew for rules of how a screen is turned, which would take a style in the page.
LOOK = """
([exclude, runOnly]) => axe.run({ exclude }, { runOnly, resultTypes: ["violations"], preload: false })
"""
# What fades or slides in is judged where it comes to rest.
AT_REST = """
() => Promise.all(document.getAnimations()
  .filter((each) => each.effect.getComputedTiming().iterations !== Infinity)
  .map((each) => each.finished)).then(() => null)
"""


async def violations(page: Page, *, rules: list[str] = RULES, exclude: str = "") -> list[str]:
    """Each as its rule, the element and what is wrong with it. It looks into frames and shadow trees, too.

    `exclude`: a selector of what is not ours.

    The script is evaluated by the browser's own door for debuggers, which the page's policy does not close.
    """
    for frame in page.frames:
        if not await frame.evaluate("'axe' in window"):
            await frame.evaluate(AXE_SCRIPT)
    await page.evaluate(AT_REST)
    found = await page.evaluate(LOOK, [[[exclude]] if exclude else [], rules])
    return [
        f"{rule['id']}: {node['target']} {_why(node)}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def _why(node: dict[str, Any]) -> str:
    return " ".join(each["message"] for each in [*node["any"], *node["all"], *node["none"]])
