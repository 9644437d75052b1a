"""Web addresses in a text. Only http and https ever become links."""

import re
import unicodedata
from urllib.parse import urlsplit

LONGEST = 2000
"""Characters. Not all browsers and servers accept more."""
_ADDRESS = re.compile(r"https?://[^\s<>\"]{1,2001}", re.IGNORECASE)
_PAIRS = {")": "(", "]": "[", "}": "{"}
_ENDS = ".,;:!?'*_~’”»…"


def address_at(text: str, at: int) -> str:
    """The address at this position, or an empty string."""
    match = _ADDRESS.match(text, at)
    address = trimmed(match[0]) if match and len(match[0]) <= LONGEST else ""
    return address if is_address(address) else ""


def is_address(address: str) -> bool:
    if not address.lower().startswith(("http://", "https://")):
        return False
    try:
        parts = urlsplit(address.replace("\\", "/"))
        # Raises ValueError if it is not a port.
        _ = parts.port
    except ValueError:
        return False
    host = unicodedata.normalize("NFKC", parts.hostname or "")
    return bool(host) and not set(host) & set(" #<>[]^|%")


def trimmed(address: str) -> str:
    """The address without the punctuation of the sentence and without closing brackets that were opened outside."""
    surplus = {end: address.count(end) - address.count(begin) for end, begin in _PAIRS.items()}
    length = len(address)
    while length:
        last = address[length - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _ENDS:
            break
        length -= 1
    return address[:length]
