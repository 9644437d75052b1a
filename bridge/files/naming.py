"""Makes the names of files safe."""

import re

from bridge.text.characters import clean, is_blank, shortened

LONGEST_NAME = 120
LONGEST_GIVEN = 1000
"""Characters of the given name that are used."""


def safe_name(text: str) -> str:
    """The last part of a path, without invisible, direction-changing and special characters."""
    text = clean(re.split(r"[/\\]", text)[-1][:LONGEST_GIVEN])
    text = re.sub(r'[<>:"|?*\s]+', lambda match: " " if match[0].isspace() else "_", text).strip(". ")
    stem, dot, extension = text.rpartition(".")
    if dot and 0 < len(extension) <= 10:
        text = f"{shortened(stem, LONGEST_NAME - len(extension) - 1)}.{extension}"
    return shortened(text, LONGEST_NAME) if not is_blank(text) else "file"
