"""Types of single values on the wire, with their limits and what they refuse."""

import re
import uuid
from typing import Annotated

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bridge.protocol import MAX_FRAME, MAX_NAME
from bridge.text import emojis
from bridge.text.characters import clean_line, hides_something, is_blank
from bridge.text.nicks import MAX_NICK

# C0 and C1 controls except tab and newline, and the two bidirectional overrides, which make text appear different
# from what it is. NUL is the most important: SQLite accepts it, PostgreSQL does not.
_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e]")


def without_controls(text: str) -> str:
    """Remove refused characters, where there is nobody who could be told about a refusal."""
    return _REFUSED.sub("", text)


def _plain(text: str) -> str:
    if text.isprintable():
        # Most texts are one line of visible characters. None of these is refused.
        return text.strip()
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if match := _REFUSED.search(text):
        raise ValueError(f"the character U+{ord(match[0]):04X} is not allowed")
    return text


def clean_content(text: str) -> str:
    """Return the text as it is stored. Raises ValueError if it is blank or contains a refused character."""
    text = _plain(text)
    if not text or (not text.isascii() and is_blank(text)):
        raise ValueError("the message is empty")
    return text


def _nick(text: str) -> str:
    text = " ".join(_plain(text).split())
    name = clean_line(text, longest=MAX_NICK)
    if not name:
        raise ValueError("the nick is empty")
    if hides_something(text):
        raise ValueError("the nick has an invisible character")
    return name


def as_nick(name: str) -> str | None:
    """Convert a name from elsewhere to a nick, truncated if necessary; None if no character of it is visible."""
    return clean_line(name, longest=MAX_NICK) or None


def as_name(name: str) -> str:
    """Convert a name from elsewhere to a name; empty if no character of it is visible."""
    return clean_line(name, longest=MAX_NAME)


def _emoji(text: str) -> str:
    emoji = emojis.full(text) or (text if emojis.is_custom(text) else None)
    if emoji is None:
        raise ValueError("this is not an emoji")
    return emoji


def _email(text: str) -> str:
    if text:
        try:
            validate_email(text)
        except ValidationError:
            raise ValueError("this is not a valid e-mail address") from None
    return text


# The command refuses content over MAX_CONTENT as `too_large`, so that the page can show by how much it is too long.
Content = Annotated[str, Field(max_length=MAX_FRAME), AfterValidator(clean_content)]
Nick = Annotated[str, Field(max_length=MAX_NICK), AfterValidator(_nick)]
Line = Annotated[str, AfterValidator(_plain)]
# The limit comes before the function. Otherwise pydantic checks it in Python.
Text = Annotated[str, Field(max_length=MAX_FRAME), AfterValidator(_plain)]
Email = Annotated[str, Field(max_length=254), AfterValidator(_plain), AfterValidator(_email)]
"""An e-mail address, or empty."""
Name = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(_plain), AfterValidator(as_name)]
"""A name, or empty."""
Seq = Annotated[int, Field(ge=0, le=2**53)]
Emoji = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_emoji)]
# JSON has no UUIDs, so this type alone accepts text. All others are strict.
Uuid = Annotated[uuid.UUID, Field(strict=False)]


class Payload(BaseModel):
    """The payload of a command. Unknown fields are refused, and so is "5" instead of a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
