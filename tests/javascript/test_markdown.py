"""The page reads markdown as mails and terminals do: its parser and Python's make the same trees."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.text.markdown import Node, parse
from tests.javascript.node import node

HERE = Path(__file__).parent
CORPUS = HERE.parent / "text" / "markdown.json"
PIECES = "* ** _ __ ~~ || ` `` ``` \n > >>> - 1. # -# [ ]( https://a.b/c_d) <t:1:R> <:wave:118000000000000041> \\ a"
EMPTY = {"br", "emoji", "timestamp", "list"}


def shape(nodes: Any) -> Any:
    """A tree of either parser: what they name differently has one name, and neighbouring texts are one."""
    shapes: list[Any] = []
    for item in nodes:
        node = item if isinstance(item, dict) else _as_on_the_page(item)
        kind = {"autolink": "url", "emoticon": "text"}.get(node["type"], node["type"])
        content = node.get("content", "")
        if kind == "text" and shapes and shapes[-1][0] == "text":
            shapes[-1] = ["text", shapes[-1][1] + content]
        elif kind == "text":
            shapes.append(["text", content])
        else:
            shapes.append([kind, *_parts(node, content), _time(node, kind), bool(node.get("target"))])
    return shapes


def _parts(node: dict[str, Any], content: Any) -> Iterator[Any]:
    yield content if isinstance(content, str) else shape(content)
    yield [shape(item) for item in node.get("items", ())]
    yield {name: node.get(name) or "" for name in ("level", "ordered", "start", "lang", "name", "format")}


def _time(node: dict[str, Any], kind: str) -> int:
    return int(node["timestamp"]) if kind == "timestamp" else 0


def _as_on_the_page(node: Node) -> dict[str, Any]:
    content: Any = node.text or list(node.content)
    if node.type in EMPTY:
        content = ""
    elif node.type in {"text", "url", "codeBlock", "inlineCode"}:
        content = node.text
    start = node.start if node.type == "list" else 0
    return {**vars(node), "content": content, "start": start, "timestamp": str(node.seconds)}


@pytest.mark.parametrize("masked", [True, False])
def test_the_page_reads_markdown_as_mails_and_terminals_do(masked: bool) -> None:
    chance = random.Random(4)
    made = ["".join(chance.choices([*PIECES.split(" "), " "], k=20)) for _ in range(1500)]
    texts = json.loads(CORPUS.read_text()) + made
    stdin = json.dumps({"texts": texts, "options": {"masked": masked}})
    trees = json.loads(node(HERE / "trees.js", stdin=stdin))
    for text, tree in zip(texts, trees, strict=True):
        assert shape(parse(text, masked=masked)) == shape(tree), text
