"""What goes over the wire in single values: their limits, and what of them is refused."""

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

# C0 and C1 controls except tab and newline, and the two overrides that make text read as what it is not.
# NUL above all: PostgreSQL refuses it where SQLite takes it.
_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e]")


def without_controls(text: str) -> str:
    """For what comes in where nobody can be told that it is refused."""
    return _REFUSED.sub("", text)


def _plain(text: str) -> str:
    if text.isprintable():
        # One line of what can be seen, as most are: nothing in it is refused.
        return text.strip()
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if found := _REFUSED.search(text):
        raise ValueError(f"the character U+{ord(found[0]):04X} is not allowed")
    return text


def clean_content(text: str) -> str:
    """As it is stored. Raises ValueError where it says nothing, or has what no text may have."""
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
    """What somebody is called elsewhere as a nick here, as much of it as fits; None where nothing of it can be seen."""
    return clean_line(name, longest=MAX_NICK) or None


def as_name(name: str) -> str:
    """What somebody is called elsewhere as a name here. Empty where nothing of it can be seen."""
    return clean_line(name, longest=MAX_NAME)


def _emoji(text: str) -> str:
    found = emojis.full(text) or (text if emojis.is_custom(text) else None)
    if found is None:
        raise ValueError("this is not an emoji")
    return found


def _email(text: str) -> str:
    if text:
        try:
            validate_email(text)
        except ValidationError:
            raise ValueError("this is not a valid e-mail address") from None
    return text


# Longer content is refused as `too_large` by its command, so that the page can say by how much.
Content = Annotated[str, Field(max_length=MAX_FRAME), AfterValidator(clean_content)]
Nick = Annotated[str, Field(max_length=MAX_NICK), AfterValidator(_nick)]
Line = Annotated[str, AfterValidator(_plain)]
# The limit before the function, or pydantic asks for it in Python.
Text = Annotated[str, Field(max_length=MAX_FRAME), AfterValidator(_plain)]
Email = Annotated[str, Field(max_length=254), AfterValidator(_plain), AfterValidator(_email)]
"""A mail address, or empty."""
Name = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(_plain), AfterValidator(as_name)]
"""What somebody is called; or empty."""
Seq = Annotated[int, Field(ge=0, le=2**53)]
Emoji = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_emoji)]
# JSON has no UUIDs: this one field type takes text. Everything else is exactly what it says.
Uuid = Annotated[uuid.UUID, Field(strict=False)]


class Payload(BaseModel):
    """What a command carries. Unknown fields are refused, and so is "5" where a number belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
