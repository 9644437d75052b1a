"""What a visitor wrote and is called, as Discord is given it: as they typed it, calling nobody. Pure functions.

Markdown stays markdown: the page reads it by the same rules. What only Discord gives a meaning gets a backslash, which
Discord does not show, except in code: mentions, links with a hidden address, invites where the inbox does not want
them. So staff copy what the visitor typed. `@everyone` needs nothing: each message is sent without allowed mentions.
"""

import hashlib
import re
import unicodedata

from bridge.models import Inbox, Message
from bridge.text.characters import clean, shortened, utf16
from bridge.text.markdown import outside_code

# <@1> <@!1> <@&1> <#1> </close:1> <id:customize>, complete or not: Discord, not we, says where one ends. And
# [text](https://…): what stands between the two brackets is all that makes it one. What has a backslash already is
# passed over together with it: a second one would take away what the first one does.
_MEANT_BY_DISCORD = re.compile(r"\\[^0-9A-Za-z\s]|<(?=[@#/]|id:)|\](?=\()", re.IGNORECASE)
_INVITE = re.compile(
    # Of letters that a host may have none before it: but any other script.
    r"(?<![a-z0-9_])(?:https?:/{1,3})?(?:[a-z0-9-]{1,20}\.)?(?:discord\.gg|discord(?:app)?\.com/+invite)/+[\w-]+",
    re.IGNORECASE,
)
REMOVED = "(invite removed)"
EXCERPT = 80
"""Characters of a message that its replies show."""
LONGEST = 80
NAMELESS = "Visitor"
# Discord refuses a name that contains these, in any case: one letter of each gives way, and it still reads the same.
_WORDS = ((re.compile(r"(?i)(disc)o(rd)"), r"\g<1>0\2"), (re.compile(r"(?i)(c)l(yde)"), r"\g<1>1\2"))
# Nor may a name look like a mention, a channel or code. These look like them and are not.
_SIGNS = str.maketrans({"@": "＠", "#": "＃", ":": "꞉", "`": "´"})  # look-alikes are the point
_WHOLE = frozenset({"everyone", "here", "system message"})


def format_text(text: str, inbox: Inbox) -> str:
    """The text for Discord."""
    if inbox.invites == Inbox.Invites.REMOVE:
        text = _INVITE.sub(REMOVED, text)
    breaks_invites = inbox.invites == Inbox.Invites.BREAK
    return outside_code(text, lambda part: _guarded(part, breaks_invites=breaks_invites))


def format_quote(message: Message, address: str = "") -> str:
    """An excerpt, and a link to the whole if there is one: a webhook cannot reply. Never empty."""
    if message.deleted_at:
        said = "(deleted)"
    else:
        line = one_line(message.content)
        excerpt = line if len(line) <= EXCERPT else f"{line[:EXCERPT].rstrip()}…"
        said = format_text(plain(excerpt), message.connection.inbox) or "(a file)"
    name = plain(message.author.nick) if message.author else "ChatBridge"
    return f"> **{name}**: {said}" + (f" · [↗]({address})" if address else "")


def _guarded(text: str, *, breaks_invites: bool) -> str:
    if breaks_invites:
        text = _INVITE.sub(_broken, text)
    return _MEANT_BY_DISCORD.sub(lambda found: found[0] if found[0][0] == "\\" else f"\\{found[0]}", text)


def _broken(match: re.Match[str]) -> str:
    """Neither a link nor a card: Discord finds invites without “https://” too."""
    return match[0].replace("://", "\\://").replace(".", "\\.")


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
