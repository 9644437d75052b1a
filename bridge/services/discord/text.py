"""What a visitor wrote, as Discord is given it: it shows there what they typed, and calls nobody. Pure functions.

Markdown stays markdown: the page reads it by the same rules. What only Discord gives a meaning gets a backslash, which
Discord does not show, except in code: mentions, links with a hidden address, invites where the inbox does not want
them. So staff copy what the visitor typed. `@everyone` needs nothing: each message is sent without allowed mentions.
"""

import re

from bridge.models import Inbox, Message
from bridge.services.discord.names import one_line, plain
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
