"""The nodes of parsed markdown, and the state of the parser."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Node:
    """A piece of text with one meaning. `type` is the same as on the page: `text`, `br`, `strong`, `timestamp`, …

    A node has text (`text`) or other nodes (`content`); a list has `items`.
    """

    type: str
    text: str = ""
    content: Sequence["Node"] = ()
    items: Sequence[Sequence["Node"]] = ()
    target: str = ""
    """The address of a link: http or https."""
    level: int = 0
    ordered: bool = False
    start: int = 1
    lang: str = ""
    name: str = ""
    """The name of an emoji."""
    seconds: int = 0
    """The time of a timestamp, since 1970."""
    format: str = ""


@dataclass
class State:
    """What surrounds the parser's position, and what it does not need to search any more."""

    masked: bool
    depth: int = 0
    in_quote: bool = False
    in_list: bool = False
    in_link: bool = False
    in_emphasis: bool = False
    at_line_start: bool = True
    hopeless: Counter[str] = field(default_factory=Counter)
    """How often the end of a sign was searched up to the end of this text without being found."""
