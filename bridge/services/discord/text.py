"""What a visitor wrote, as Discord is given it: it shows there what he typed, and calls nobody. Pure functions.

Markdown stays markdown: the page reads it by the same rules. What Discord alone would turn into something that was
not meant gets a backslash, which Discord does not show: mentions, links whose address is hidden, invites where the
inbox does not want them. So what staff copy is what the visitor typed. Nothing is done about `@everyone`: each message
is sent with an empty list of allowed mentions. In code Discord turns nothing into anything.
"""

import re

from bridge.models import Inbox
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


def format_text(text: str, inbox: Inbox) -> str:
    """The text for Discord."""
    if inbox.invites == Inbox.Invites.REMOVE:
        text = _INVITE.sub(REMOVED, text)
    return outside_code(
        text, lambda part: _guarded(part, breaks_invites=inbox.invites == Inbox.Invites.BREAK)
    )


def _guarded(text: str, *, breaks_invites: bool) -> str:
    if breaks_invites:
        text = _INVITE.sub(_broken, text)
    return _MEANT_BY_DISCORD.sub(lambda found: found[0] if found[0][0] == "\\" else f"\\{found[0]}", text)


def _broken(match: re.Match[str]) -> str:
    """Neither a link nor a card: Discord finds invites without “https://” too."""
    return match[0].replace("://", "\\://").replace(".", "\\.")
