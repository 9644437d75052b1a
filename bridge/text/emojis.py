"""What an emoji is here: the characters in their full form, or `name:id` of a custom one.

One emoji has one spelling: “❤” and “❤️” look the same, so only the second is kept. A server's own is the same emoji
whatever its name is today, so it is compared by its id.
"""

import re

import emoji as unicode

MOST_ON_A_MESSAGE = 20
"""Different emoji on one message."""
MARKS = frozenset({"✅", "⚠️"})
"""The bot's own reactions to messages of staff, if the inbox asks for them: no visitor's, nor removed with theirs."""
EYE = "👁️"
"""What it puts on the newest message that the visitor has read, where the inbox asks for that."""

_CUSTOM = re.compile(r"(?P<animated>a:)?(?P<name>\w{1,32}):(?P<id>\d{15,19})", re.ASCII)
_IN_TEXT = re.compile(r"<(a?):(\w{1,32}):(\d{15,19})>", re.ASCII)
LARGEST_ID = 2**63 - 1
"""What a database keeps as a number. Real ones are far from it; anybody may write a larger one."""
_SELECTOR = "\ufe0f"
_FULL = {
    chars.replace(_SELECTOR, ""): chars
    for chars, data in unicode.EMOJI_DATA.items()
    if data["status"] == unicode.STATUS["fully_qualified"]
}
# Services have the letters of flags as emoji of their own.
_FULL |= {chr(code): chr(code) for code in range(0x1F1E6, 0x1F200)}


def full(text: str) -> str | None:
    """The one spelling of an emoji of Unicode; None where it is none."""
    return _FULL.get(text.replace(_SELECTOR, ""))


def is_custom(text: str) -> bool:
    """Whether it has the form of a custom one: `name:id`, or `a:name:id` where it moves."""
    return _CUSTOM.fullmatch(text) is not None


def spell(*, name: str, pk: int | None, animated: bool = False) -> str:
    """How an emoji of a service is kept. A name that was lost with its emoji is “emoji”."""
    if pk is None:
        return full(name) or name
    return f"{'a:' if animated else ''}{name or 'emoji'}:{pk}"


def key(text: str) -> str:
    """What two spellings of one emoji have in common."""
    found = _CUSTOM.fullmatch(text)
    return found["id"] if found else text


def parts(text: str) -> tuple[str, int | None, bool]:
    """Name, id and whether it moves; for an emoji of Unicode the characters alone."""
    found = _CUSTOM.fullmatch(text)
    if found is None:
        return text, None, False
    return found["name"], int(found["id"]), bool(found["animated"])


def mentioned(content: str) -> dict[int, tuple[str, bool]]:
    """The custom emoji that a text of staff has in it: id to name and whether it moves."""
    found = ((int(pk), name, bool(animated)) for animated, name, pk in _IN_TEXT.findall(content))
    return {pk: (name, animated) for pk, name, animated in found if pk <= LARGEST_ID}
