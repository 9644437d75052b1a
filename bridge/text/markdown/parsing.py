"""Parses markdown in one direction: no text can make it read the same place again and again."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from bridge.text.markdown import spans
from bridge.text.markdown.addresses import address_at, is_address
from bridge.text.markdown.lists import List, line_end, list_at
from bridge.text.markdown.nodes import Node, State

LONGEST = 20_000
"""Characters; in longer texts, only addresses are parsed. Services accept 4,000 at most."""
DEEPEST = 12

_EMOJI = re.compile(r"<a?:([0-9A-Za-z_]{2,32}):[0-9]{17,21}>")
_MOMENT = re.compile(r"<t:(-?[0-9]{1,20})(?::([RtTdDfF]))?>")
_IN_ANGLES = re.compile(r"<(https?://[^\s<>]+)>", re.IGNORECASE)
_QUOTED = re.compile(r" *+> ")
_QUOTED_ON = re.compile(r" *+>>> ")
_HEADING = re.compile(r"(#{1,3})( +)")
_SIGN = re.compile(r"[\\*_~|<\[\n¯]|(?<!`)`|https?://", re.IGNORECASE)
"""Signs where something may begin. A run of backticks where nothing begins is one sign."""
_LANGUAGE = re.compile(r"[A-Za-z0-9_+\-.#]{1,30}\n")
_SHRUG = "¯\\_(ツ)_/¯"
_MARKED = {"||": "spoiler", "~~": "strikethrough"}
_EMPHASES = [("em", 0.2, "_"), ("em", 0.2, "*"), ("strong", 0.1, "**"), ("underline", 0.0, "__")]
"""Each with its type, its priority among those of the same length, and the sign on both sides."""

Found = tuple[int, list[Node]] | None
"""The end of what was found, and its nodes."""
Rule = Callable[[str, int, State], Found]


def parse(text: str, *, masked: bool = False) -> list[Node]:
    """The nodes of the text. `masked`: whether [text](address) is a link, as for staff and bots, but not visitors."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "").replace("\t", "    ")
    if len(text) > LONGEST:
        return _addresses(text)
    return _parse(text, State(masked))


def _addresses(text: str) -> list[Node]:
    """The text with only its addresses parsed."""
    nodes: list[Node] = []
    end = at = 0
    while (match := _SIGN.search(text, at)) is not None:
        address = address_at(text, match.start())
        if address:
            nodes += [Node("text", text[end : match.start()]), _address(address)]
            end = match.start() + len(address)
        at = max(match.end(), end)
    return [node for node in [*nodes, Node("text", text[end:])] if node.text]


def _parse(text: str, state: State) -> list[Node]:
    nodes: list[Node] = []
    at = 0
    while at < len(text):
        end, part = _next(text, at, state)
        nodes += part
        state.at_line_start = text[end - 1] == "\n"
        at = end
    return nodes


def _next(text: str, at: int, state: State) -> tuple[int, list[Node]]:
    """What is at this position: a block (only at the beginning of a line), something inline, or text."""
    char = text[at]
    rules: Sequence[Rule] = _INLINE.get(char, ())
    if state.at_line_start:
        rules = [*_BLOCKS.get(char, ()), *rules]
    for rule in rules:
        if (result := rule(text, at, state)) is not None:
            return result
    match = _SIGN.search(text, at + 1)
    end = match.start() if match else len(text)
    return end, [Node("text", text[at:end])]


def _deeper(text: str, state: State, *, at_line_start: bool = False) -> list[Node]:
    if state.depth >= DEEPEST:
        return [Node("text", text)] if text else []
    return _parse(
        text, replace(state, depth=state.depth + 1, at_line_start=at_line_start, hopeless=Counter())
    )


def _heading(text: str, at: int, state: State) -> Found:
    match = _HEADING.match(text, at)
    end = line_end(text, at)
    if match is None or end - match.end(1) < 2:
        return None
    content = _deeper(text[match.end(1) : end].strip(), state)
    return min(end + 1, len(text)), [Node("heading", content=content, level=len(match[1]))]


def _subtext(text: str, at: int, state: State) -> Found:
    end = line_end(text, at)
    if not text.startswith("-# ", at) or end - at < 4:
        return None
    words = text[at + 2 : end].lstrip(" ") or " "
    return min(end + 1, len(text)), [Node("subtext", content=_deeper(words, state))]


def _quote(text: str, at: int, state: State) -> Found:
    if state.in_quote:
        return None
    if endless := _QUOTED_ON.match(text, at):
        return len(text), [_quoted(text[endless.end() :], state)]
    lines: list[str] = []
    end = at
    while match := _QUOTED.match(text, end):
        end = line_end(text, end) + 1
        lines.append(text[match.end() : end - 1])
    if not lines:
        return None
    ended = end <= len(text)
    return min(end, len(text)), [_quoted("\n".join(lines) + "\n" * ended, state)]


def _quoted(text: str, state: State) -> Node:
    return Node("blockQuote", content=_deeper(text, replace(state, in_quote=True), at_line_start=True))


def _code_block(text: str, at: int, state: State) -> Found:
    if (match := spans.span("```", text, at, state.hopeless)) is None:
        return None
    inner = match[1]
    language = _LANGUAGE.match(inner)
    lang = language[0][:-1] if language and inner[language.end() :].strip() else ""
    # What follows a block begins on a new line anyway.
    end = match.end() + text.startswith("\n", match.end())
    return end, [Node("codeBlock", inner[len(lang) :].strip("\n"), lang=lang)]


def _list(text: str, at: int, state: State) -> Found:
    if state.in_list or (result := list_at(text, at)) is None:
        return None
    end, made = result
    return end, [_list_node(made, replace(state, in_list=True))]


def _list_node(made: List, state: State) -> Node:
    items = [
        [*_deeper(item.text, state), *(_list_node(child, state) for child in item.lists)]
        for item in made.items
    ]
    return Node("list", items=items, ordered=made.ordered, start=made.start)


def _escape(text: str, at: int, state: State) -> Found:
    after = text[at + 1 : at + 2]
    if not after or (after.isascii() and after.isalnum()) or after.isspace():
        return None
    return at + 2, [Node("text", after)]


def _angles(text: str, at: int, state: State) -> Found:
    if match := _EMOJI.match(text, at):
        return match.end(), [Node("emoji", name=match[1])]
    if match := _MOMENT.match(text, at):
        return match.end(), [Node("timestamp", seconds=int(match[1]), format=match[2] or "")]
    match = None if state.in_link else _IN_ANGLES.match(text, at)
    return (match.end(), [_address(match[1])]) if match else None


def _url(text: str, at: int, state: State) -> Found:
    address = "" if state.in_link else address_at(text, at)
    return (at + len(address), [_address(address)]) if address else None


def _address(address: str) -> Node:
    return Node("url", address, target=address if is_address(address) else "")


def _link(text: str, at: int, state: State) -> Found:
    match = spans.LINK.match(text, at) if state.masked else None
    if match is None:
        return None
    content, target = _deeper(match[1], replace(state, in_link=True)), match[2] or match[3]
    return match.end(), [Node("link", content=content, target=target if is_address(target) else "")]


def _emphasis(text: str, at: int, state: State) -> Found:
    """The longest emphasis that begins at this position."""
    candidates = [
        (match.end() + better, kind, match[1], match.end())
        for kind, better, sign in _EMPHASES
        if (match := spans.span(sign, text, at, state.hopeless))
    ]
    if not candidates:
        return None
    _, kind, words, end = max(candidates)
    content = _deeper(words, replace(state, in_emphasis=state.in_emphasis or kind == "em"))
    if kind == "em" and state.in_emphasis:
        return end, content
    return end, [Node(kind, content=content)]


def _marked(text: str, at: int, state: State) -> Found:
    """A spoiler or struck-out text."""
    sign = text[at] * 2
    match = spans.span(sign, text, at, state.hopeless)
    return (match.end(), [Node(_MARKED[sign], content=_deeper(match[1], state))]) if match else None


def _inline_code(text: str, at: int, state: State) -> Found:
    if (match := spans.code(text, at, state.hopeless)) is None:
        return None
    words = re.sub(r"^ (?=`)|(?<=`) \Z", "", match[1])
    return match.end(), [Node("inlineCode", words)]


def _break(text: str, at: int, state: State) -> Found:
    return at + 1, [Node("br")]


def _shrug(text: str, at: int, state: State) -> Found:
    return (at + len(_SHRUG), [Node("text", _SHRUG)]) if text.startswith(_SHRUG, at) else None


_DIGITS = dict.fromkeys("0123456789", (_list,))
_BLOCKS: dict[str, Sequence[Rule]] = {
    "#": (_heading,), "-": (_subtext, _list), "*": (_list,), ">": (_quote,), " ": (_quote, _list), **_DIGITS,
}  # fmt: skip
_INLINE: dict[str, Sequence[Rule]] = {
    "|": (_marked,), "`": (_code_block, _inline_code), "\\": (_escape,), "<": (_angles,), "h": (_url,), "H": (_url,),
    "[": (_link,), "*": (_emphasis,), "_": (_emphasis,), "~": (_marked,), "\n": (_break,), "¯": (_shrug,),
}  # fmt: skip
