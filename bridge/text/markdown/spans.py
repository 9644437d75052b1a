"""Where what begins with a sign ends, and what is in it."""

import re
from collections import Counter

MOST_TRIES = 20

SPANS = {
    "```": re.compile(r"```(?!\s*```)(.*?)(?:```(?!`)|(?P<unended>\Z))", re.DOTALL),
    "``": re.compile(r"``(?!`)(\s*\S.*?)(?:(?<!`)``(?!`)|(?P<unended>\Z))", re.DOTALL),
    "`": re.compile(r"`(?!`)(\s*\S.*?)(?:(?<!`)`(?!`)|(?P<unended>\Z))", re.DOTALL),
    "||": re.compile(r"\|\|(.+?)(?:\|\||(?P<unended>\Z))", re.DOTALL),
    "~~": re.compile(r"~~(.+?)(?:~~(?!_)|(?P<unended>\Z))", re.DOTALL),
    # The end has no third sign behind it.
    "**": re.compile(r"\*\*((?:\\.|[^\\])+?)(?:\*\*(?!\*)|(?P<unended>\\?\Z))", re.DOTALL),
    "__": re.compile(r"__((?:\\.|[^\\])+?)(?:__(?!_)|(?P<unended>\\?\Z))", re.DOTALL),
    # Nothing blank at its sides.
    "*": re.compile(r"\*(?!\s)((?:\s*(?:\\.|\*\*|[^\s\\*]))+?)(?:\*(?!\*)|(?P<unended>\s*\\?\Z))", re.DOTALL),
    # It ends no word that goes on.
    "_": re.compile(r"_((?:\\.|__|[^\\_])+?)(?:_(?![0-9A-Za-z_])|(?P<unended>\\?\Z))", re.DOTALL),
}
"""By the sign that they begin with. Each reads a text once, from left to right."""
TRIES = {"*": MOST_TRIES, "_": MOST_TRIES}
"""How often the end of these may be looked for in vain: it might still be found from another place."""
LINK = re.compile(
    # An address without signs around it may have brackets, in pairs.
    r"\[((?:\\.|[^\\\[\]]){1,300})\]\(\s{0,9}"
    r"(?:<(https?://[^\s<>]{1,2000})>|(https?://(?:[^()<>\s]|\([^()<>\s]{0,4000}\)){1,4000}+))"
    r"(?:\s{1,9}(?:\"[^\"]{0,300}\"|'[^']{0,300}'))?\s{0,9}\)",
    re.DOTALL | re.IGNORECASE,
)
"""[words](address "title"). Its groups are the words, and the address in angle brackets or without."""


def span(sign: str, text: str, at: int, hopeless: Counter[str]) -> re.Match[str] | None:
    """What begins with this sign and ends; its first group is what is in it.

    `hopeless` counts what was looked for up to the end in vain, and is not looked for again behind that.
    """
    if hopeless[sign] > TRIES.get(sign, 0):
        return None
    found = SPANS[sign].match(text, at)
    if found and found["unended"] is not None:
        hopeless[sign] += 1
        return None
    return found


def code(text: str, at: int, hopeless: Counter[str]) -> re.Match[str] | None:
    """Code in a line: it ends with as many signs as it begins with, one or two."""
    return span("``", text, at, hopeless) or span("`", text, at, hopeless)
