"""What a text in markdown is made of."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Node:
    """A piece of text with one meaning. `type` is as on the page: `text`, `br`, `strong`, `list`, `timestamp`, …

    It has words (`text`) or pieces (`content`); a list has `items`.
    """

    type: str
    text: str = ""
    content: Sequence["Node"] = ()
    items: Sequence[Sequence["Node"]] = ()
    target: str = ""
    """Where a link leads: http or https."""
    level: int = 0
    ordered: bool = False
    start: int = 1
    lang: str = ""
    name: str = ""
    """Of an emoji."""
    seconds: int = 0
    """Of a moment, since 1970."""
    format: str = ""


@dataclass
class State:
    """Where the parser is, and what it need not look for any more."""

    masked: bool
    depth: int = 0
    in_quote: bool = False
    in_list: bool = False
    in_link: bool = False
    in_emphasis: bool = False
    at_line_start: bool = True
    hopeless: Counter[str] = field(default_factory=Counter)
    """Signs that were looked for up to the end of this text, in vain."""
