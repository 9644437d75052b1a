"""Formats visitors' texts and names for Discord: as they were typed, but without mentions. Pure functions.

Markdown is not changed, because the page uses the same rules. Markup that only Discord understands gets a backslash,
except in code: mentions, links with a hidden address, and invites if the inbox does not allow them. Discord does not
show the backslash, so staff can copy what the visitor typed. `@everyone` is not changed, because each message is sent
without allowed mentions.
"""

import hashlib
import re
import unicodedata

from bridge.models import Inbox, Message
from bridge.text.characters import clean, shortened, utf16
from bridge.text.markdown import outside_code

# <@1> <@!1> <@&1> <#1> </close:1> <id:customize>, complete or not, because Discord decides where one ends. And
# [text](https://…), which only needs the two brackets between its parts. A character that already has a backslash is
# skipped together with it, because a second backslash would escape the first.
_MEANT_BY_DISCORD = re.compile(r"\\[^0-9A-Za-z\s]|<(?=[@#/]|id:)|\](?=\()", re.IGNORECASE)
_INVITE = re.compile(
    # No letter that a host may contain comes before it. Letters of other scripts are allowed.
    r"(?<![a-z0-9_])(?:https?:/{1,3})?(?:[a-z0-9-]{1,20}\.)?(?:discord\.gg|discord(?:app)?\.com/+invite)/+[\w-]+",
    re.IGNORECASE,
)
REMOVED = "(invite removed)"
EXCERPT = 80
"""Number of characters of a message that replies to it show."""
LONGEST = 80
NAMELESS = "Visitor"
# Discord refuses names that contain these words, in any case. One letter of each is replaced by a similar one.
_WORDS = ((re.compile(r"(?i)(disc)o(rd)"), r"\g<1>0\2"), (re.compile(r"(?i)(c)l(yde)"), r"\g<1>1\2"))
# Discord also refuses names that look like a mention, a channel or code. These characters are replaced by look-alikes.
_SIGNS = str.maketrans({"@": "＠", "#": "＃", ":": "꞉", "`": "´"})  # look-alikes are the point
_WHOLE = frozenset({"everyone", "here", "system message"})


def format_text(text: str, inbox: Inbox) -> str:
    """Format a text for Discord."""
    if inbox.invites == Inbox.Invites.REMOVE:
        text = _INVITE.sub(REMOVED, text)
    breaks_invites = inbox.invites == Inbox.Invites.BREAK
    return outside_code(text, lambda part: _guarded(part, breaks_invites=breaks_invites))


def format_quote(message: Message, address: str = "") -> str:
    """Return an excerpt with a link to the message, if there is one: a webhook cannot reply. Never empty."""
    if message.deleted_at:
        quote = "(deleted)"
    else:
        line = one_line(message.content)
        excerpt = line if len(line) <= EXCERPT else f"{line[:EXCERPT].rstrip()}…"
        quote = format_text(plain(excerpt), message.connection.inbox) or "(a file)"
    name = plain(message.author.nick) if message.author else "ChatBridge"
    return f"> **{name}**: {quote}" + (f" · [↗]({address})" if address else "")


def _guarded(text: str, *, breaks_invites: bool) -> str:
    if breaks_invites:
        text = _INVITE.sub(_broken, text)
    return _MEANT_BY_DISCORD.sub(lambda match: match[0] if match[0][0] == "\\" else f"\\{match[0]}", text)


def _broken(match: re.Match[str]) -> str:
    """Escape an invite so that it becomes neither a link nor a card. Discord finds invites without “https://” too."""
    return match[0].replace("://", "\\://").replace(".", "\\.")


def legal_name(nick: str) -> str:
    """Return a name that Discord accepts: at most 80 UTF-16 units and never empty.

    It is always the same for the same nick, because posts are searched by it.
    """
    name = one_line(nick).translate(_SIGNS)
    folded = unicodedata.normalize("NFKC", name)
    if any(pattern.search(folded) for pattern, _ in _WORDS):
        name = folded.translate(_SIGNS)
        for pattern, instead in _WORDS:
            name = pattern.sub(instead, name)
    # Only cut between whole characters, as a reader sees them.
    name = shortened(name, LONGEST, size=utf16).strip() or NAMELESS
    return f"{name}_" if unicodedata.normalize("NFKC", name).casefold() in _WHOLE else name


def spare_name(nick: str) -> str:
    """Return the name to use if Discord refuses the legal name. It is always the same for the same nick."""
    return f"{NAMELESS} {hashlib.sha256(nick.encode()).hexdigest()[:4]}"


def one_line(text: str) -> str:
    """Join the lines and remove invisible characters, such as controls and marks for the direction of text."""
    return " ".join(clean(" ".join(text.split())).split())


def plain(text: str) -> str:
    """Escape the visitor's markdown, mentions and links."""
    # Each mark is escaped once. A second time would escape the backslash, and the mark would work again. Web addresses
    # do not become links. E-mail addresses may, because they are harmless on a card.
    return re.sub(r"([\\*_~|`>\[\]()<#]|:(?=//))", r"\\\1", one_line(text))
