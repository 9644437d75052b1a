"""Emoji as text: the characters in their full form, or `name:id` for a custom emoji.

Each emoji has one spelling: “❤” and “❤️” look the same, so only the second is used. A custom emoji can be renamed, so
it is compared by its ID.
"""

import re

import emoji as unicode

MOST_ON_A_MESSAGE = 20
"""The maximum number of different emoji on one message."""
MARKS = frozenset({"✅", "⚠️"})
"""The bot's own reactions to messages of staff, if the inbox wants them. They stay when a visitor's are removed."""
EYE = "👁️"
"""The bot's reaction to the newest message that the visitor has read, if the inbox wants it."""

_CUSTOM = re.compile(r"(?P<animated>a:)?(?P<name>\w{1,32}):(?P<id>\d{15,19})", re.ASCII)
_IN_TEXT = re.compile(r"<(a?):(\w{1,32}):(\d{15,19})>", re.ASCII)
LARGEST_ID = 2**63 - 1
"""The largest integer of a database. Real IDs are far below, but anybody can write a larger one."""
_SELECTOR = "\ufe0f"
_FULL = {
    chars.replace(_SELECTOR, ""): chars
    for chars, data in unicode.EMOJI_DATA.items()
    if data["status"] == unicode.STATUS["fully_qualified"]
}
# For services, the letters of flags are emoji too.
_FULL |= {chr(code): chr(code) for code in range(0x1F1E6, 0x1F200)}


def full(text: str) -> str | None:
    """The one spelling of a Unicode emoji, or None if the text is not one."""
    return _FULL.get(text.replace(_SELECTOR, ""))


def is_custom(text: str) -> bool:
    """Whether the text has the form of a custom emoji: `name:id`, or `a:name:id` if it is animated."""
    return _CUSTOM.fullmatch(text) is not None


def spell(*, name: str, pk: int | None, animated: bool = False) -> str:
    """The spelling of a service's emoji. A deleted emoji may have no name any more; it is called “emoji”."""
    if pk is None:
        return full(name) or name
    return f"{'a:' if animated else ''}{name or 'emoji'}:{pk}"


def key(text: str) -> str:
    """The key that all spellings of one emoji share."""
    match = _CUSTOM.fullmatch(text)
    return match["id"] if match else text


def parts(text: str) -> tuple[str, int | None, bool]:
    """Name, ID and whether it is animated. A Unicode emoji has only its characters, as the name."""
    match = _CUSTOM.fullmatch(text)
    if match is None:
        return text, None, False
    return match["name"], int(match["id"]), bool(match["animated"])


def mentioned(content: str) -> dict[int, tuple[str, bool]]:
    """The custom emoji in a text of staff: the name and whether it is animated, by ID."""
    emojis = ((int(pk), name, bool(animated)) for animated, name, pk in _IN_TEXT.findall(content))
    return {pk: (name, animated) for pk, name, animated in emojis if pk <= LARGEST_ID}
