"""Text can be read: each pair of colours in the style sheet reaches WCAG AA, by day and by night."""

import re

import pytest

from tests.processes import HERE

SHEET = (HERE / "static" / "bridge" / "chat.css").read_text()
PAIRS = [
    ("ink", "card"),
    ("ink", "paper"),
    ("muted", "card"),
    ("muted", "paper"),
    ("accent", "card"),
    ("accent", "their"),
    ("on-accent", "accent"),
    ("own-ink", "own"),
    ("own-link", "own"),
    ("their-ink", "their"),
    ("warn", "warn-ground"),
    ("warn", "card"),
    ("warn", "their"),
    ("muted", "their"),
]


def palette(night: bool) -> dict[str, str]:
    day, dark = re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", day))
    return {**colours, **dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))} if night else colours


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = ((c / 12.92) if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("night", [False, True], ids=["day", "night"])
@pytest.mark.parametrize(("text", "ground"), PAIRS, ids=["-on-".join(pair) for pair in PAIRS])
def test_the_contrast_is_at_least_four_and_a_half(text: str, ground: str, *, night: bool) -> None:
    colours = palette(night)
    lighter, darker = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
