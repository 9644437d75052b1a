"""Lists: lines that begin with “-”, “*” or a number, deeper ones indented."""

import re
from dataclasses import dataclass, field

_ITEM = re.compile(r"( *)([-*]|[0-9]{1,9}\.) +(\S.*)", re.DOTALL)
_GOES_ON = re.compile(r" {2,}\S")
DEEPEST = 6


@dataclass
class Item:
    text: str
    lists: list["List"] = field(default_factory=list)


@dataclass
class List:
    ordered: bool
    start: int
    items: list[Item]


def list_at(text: str, at: int) -> tuple[int, List] | None:
    """The list that begins at this position, and where it ends."""
    if not _ITEM.fullmatch(text[at : line_end(text, at)]):
        return None
    lists: list[List] = []
    # The lists that the next line may belong to, outermost first, with their indentations.
    open_: list[tuple[int, List]] = []
    item: Item | None = None
    while at < len(text):
        line = text[at : line_end(text, at)]
        match = _ITEM.fullmatch(line)
        if match:
            item = _add(lists, open_, len(match[1]), match[2], match[3])
        elif item is not None and _GOES_ON.match(line):
            item.text += "\n" + line.strip()
        else:
            break
        if len(lists) > 1:
            # A list of another kind at the outermost level is a new list.
            lists.pop()
            break
        at += len(line) + 1
    return min(at, len(text)), lists[0]


def _add(lists: list[List], open_: list[tuple[int, List]], indent: int, mark: str, text: str) -> Item:
    while len(open_) > 1 and indent < open_[-1][0]:
        open_.pop()
    ordered = mark.endswith(".")
    here = open_[-1] if open_ else None
    below = here is not None and indent > here[0] + 1 and len(open_) < DEEPEST
    item = Item(text)
    if here is not None and not below and here[1].ordered == ordered:
        here[1].items.append(item)
        return item
    made = List(ordered, int(mark[:-1]) if ordered else 1, [item])
    if open_ and not below:
        open_.pop()
    (open_[-1][1].items[-1].lists if open_ else lists).append(made)
    open_.append((indent, made))
    return item


def line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end
