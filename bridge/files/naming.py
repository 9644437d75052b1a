"""What a file may be called."""

import re
import unicodedata

LONGEST_NAME = 120


def safe_name(text: str) -> str:
    """The last part of a path, without what cannot be seen, turns text around or means something to a system."""
    text = unicodedata.normalize("NFC", re.split(r"[/\\]", text)[-1])
    text = "".join(char for char in text if unicodedata.category(char)[0] != "C" or char in "\t\n\r")
    text = re.sub(r'[<>:"|?*\s]+', lambda found: " " if found[0].isspace() else "_", text).strip(". ")
    stem, dot, extension = text.rpartition(".")
    if dot and 0 < len(extension) <= 10:
        text = f"{stem[: LONGEST_NAME - len(extension) - 1]}.{extension}"
    return text[:LONGEST_NAME] or "file"
