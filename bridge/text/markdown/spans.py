"""Spans: finds the end of what begins with a sign, and its content."""

import re
from collections import Counter

MOST_TRIES = 20

SPANS = {
    "```": re.compile(r"```(?!\s*```)(.*?)(?:```(?!`)|(?P<unended>\Z))", re.DOTALL),
    "``": re.compile(r"``(?!`)(\s*\S.*?)(?:(?<!`)``(?!`)|(?P<unended>\Z))", re.DOTALL),
    "`": re.compile(r"`(?!`)(\s*\S.*?)(?:(?<!`)`(?!`)|(?P<unended>\Z))", re.DOTALL),
    "||": re.compile(r"\|\|(.+?)(?:\|\||(?P<unended>\Z))", re.DOTALL),
    "~~": re.compile(r"~~(.+?)(?:~~(?!_)|(?P<unended>\Z))", re.DOTALL),
    # No third sign follows the end.
    "**": re.compile(r"\*\*((?:\\.|[^\\])+?)(?:\*\*(?!\*)|(?P<unended>\\?\Z))", re.DOTALL),
    "__": re.compile(r"__((?:\\.|[^\\])+?)(?:__(?!_)|(?P<unended>\\?\Z))", re.DOTALL),
    # No space at either side.
    "*": re.compile(r"\*(?!\s)((?:\s*(?:\\.|\*\*|[^\s\\*]))+?)(?:\*(?!\*)|(?P<unended>\s*\\?\Z))", re.DOTALL),
    # It does not end within a word.
    "_": re.compile(r"_((?:\\.|__|[^\\_])+?)(?:_(?![0-9A-Za-z_])|(?P<unended>\\?\Z))", re.DOTALL),
}
"""Patterns by the sign that they begin with. Each reads a text once, from left to right."""
TRIES = {"*": MOST_TRIES, "_": MOST_TRIES}
"""How often the search for the end of these may fail: it might still succeed from another position."""
LINK = re.compile(
    # An address without angle brackets may contain pairs of brackets. The group is atomic and not possessive: before
    # Python 3.11.5, `{…}+` around a group that backtracks matches too much (https://github.com/python/cpython/issues/106052).
    r"\[((?:\\.|[^\\\[\]]){1,300})\]\(\s{0,9}"
    r"(?:<(https?://[^\s<>]{1,2000})>|(https?://(?>(?:[^()<>\s]|\([^()<>\s]{0,4000}\)){1,4000})))"
    r"(?:\s{1,9}(?:\"[^\"]{0,300}\"|'[^']{0,300}'))?\s{0,9}\)",
    re.DOTALL | re.IGNORECASE,
)
"""[words](address "title"). Its groups are the words, and the address in angle brackets or without."""


def span(sign: str, text: str, at: int, hopeless: Counter[str]) -> re.Match[str] | None:
    """The span that begins with this sign, if it has an end; its first group is the content.

    `hopeless` counts the failed searches up to the end of the text, which are not repeated from later positions.
    """
    if hopeless[sign] > TRIES.get(sign, 0):
        return None
    match = SPANS[sign].match(text, at)
    if match and match["unended"] is not None:
        hopeless[sign] += 1
        return None
    return match


def code(text: str, at: int, hopeless: Counter[str]) -> re.Match[str] | None:
    """Inline code: it ends with as many backticks as it begins with, one or two."""
    return span("``", text, at, hopeless) or span("`", text, at, hopeless)
