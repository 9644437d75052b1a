"""What a visitor wrote, as Discord is given it: it shows there what he typed, and calls nobody. Pure functions.

Markdown stays markdown: the page reads it by the same rules. What Discord alone would turn into something that was
not meant gets a space without width in its middle, which nobody sees and Discord does not read over: names that
ping, links whose address is hidden, invites where the inbox does not want them.
"""

import re

from bridge.models import Inbox

GAP = "\u200b"
"""A space without width. Not a backslash: inside of code that would be seen, and each side has its own idea of code."""

# <@1> <@!1> <@&1> <#1> </close:1> <id:customize>, complete or not: Discord, not we, says where one ends.
_MENTION = re.compile(r"<(?=[@#/]|id:)")
_CALL = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
# [text](https://…): what stands between the two brackets is all that makes it one, and signs or what nobody sees may
# stand before the scheme.
_MASKED = re.compile(r"\](?=\([^\w()\[\]]*\w+:)")
_INVITE = re.compile(
    # Of letters that a host may have none before it: but any other script.
    r"(?<![a-z0-9_])(?:https?:/{1,3})?(?:[a-z0-9-]{1,20}\.)?(?:discord\.gg|discord(?:app)?\.com/+invite)/+[\w-]+",
    re.IGNORECASE,
)
REMOVED = "(invite removed)"


def spoken(text: str, inbox: Inbox) -> str:
    """The text for Discord."""
    if inbox.invites == Inbox.Invites.REMOVE:
        text = _INVITE.sub(REMOVED, text)
    elif inbox.invites == Inbox.Invites.BREAK:
        text = _INVITE.sub(_broken, text)
    text = _MENTION.sub("<" + GAP, text)
    text = _CALL.sub("@" + GAP, text)
    return _MASKED.sub("]" + GAP, text)


def _broken(match: re.Match[str]) -> str:
    """Neither a link nor a card: Discord finds invites without “https://” too."""
    return match[0].replace("://", f":{GAP}//").replace(".", f"{GAP}.")
