"""Names in Discord: those of visitors in rooms, as near to their nicks as Discord's rules for webhooks allow."""

import hashlib
import re
import unicodedata

from bridge.text.characters import clean, shortened, utf16

LONGEST = 80
NAMELESS = "Visitor"
# Discord refuses a name that contains these, in any case: one letter of each gives way, and it still reads the same.
_WORDS = ((re.compile(r"(?i)(disc)o(rd)"), r"\g<1>0\2"), (re.compile(r"(?i)(c)l(yde)"), r"\g<1>1\2"))
# Nor may a name look like a mention, a channel or code. These look like them and are not.
_SIGNS = str.maketrans({"@": "＠", "#": "＃", ":": "꞉", "`": "´"})  # look-alikes are the point
_WHOLE = frozenset({"everyone", "here", "system message"})


def legal_name(nick: str) -> str:
    """At most 80 UTF-16 units, never empty, and the same for the same nick: what is read back is found by it."""
    name = one_line(nick).translate(_SIGNS)
    folded = unicodedata.normalize("NFKC", name)
    if any(pattern.search(folded) for pattern, _ in _WORDS):
        name = folded.translate(_SIGNS)
        for pattern, instead in _WORDS:
            name = pattern.sub(instead, name)
    # Whole characters only, as a reader sees them.
    name = shortened(name, LONGEST, size=utf16).strip() or NAMELESS
    return f"{name}_" if unicodedata.normalize("NFKC", name).casefold() in _WHOLE else name


def spare_name(nick: str) -> str:
    """What somebody is called where Discord refuses even their legal name. The same for the same nick."""
    return f"{NAMELESS} {hashlib.sha256(nick.encode()).hexdigest()[:4]}"


def one_line(text: str) -> str:
    """Without what cannot be seen: controls, and marks that turn the direction of text."""
    return " ".join(clean(" ".join(text.split())).split())


def plain(text: str) -> str:
    """Without markdown, mentions and links of the visitor's."""
    # Each mark once: escaped twice, its backslash would be escaped, and the mark work again. An address of the web is
    # followed by nobody by mistake; that of a mailbox stays as it is, since nobody is called by a card.
    return re.sub(r"([\\*_~|`>\[\]()<#]|:(?=//))", r"\\\1", one_line(text))
