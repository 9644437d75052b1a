"""No pattern can be slow: foreign text and bytes reach them everywhere, and a match holds up the whole process."""

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import regex

import bridge
from tests.regexes import trouble

ROOT = Path(bridge.__file__).parent
CALLS = frozenset("compile match fullmatch search sub subn split findall finditer".split())
ANCHORED, WHOLE = frozenset({"match", "fullmatch"}), frozenset({"fullmatch"})

MADE = {
    # Patterns that are made while it runs, each with one of what it is made of.
    "f'{re.escape(begin)}.*?{re.escape(END)}'": None,  # over files of ours
    "_pattern(self.route or self.event or '')": None,  # what a developer asks the sandbox for
    "re.sub('\\\\{(\\\\w+)\\\\}', '(?P<\\\\1>\\\\\\\\d+)', template) + '$'": {
        "template": "/channels/{channel}/messages/{id}"
    },
}


class Found(NamedTuple):
    where: str
    expression: str
    pattern: str | bytes
    flags: int
    methods: frozenset[str]

    def __str__(self) -> str:
        return self.where


def collected() -> Iterator[Found]:
    sources = {
        path: list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        for path in sorted(ROOT.rglob("*.py"))
    }
    used = methods_of_names(sources.values())
    for path, nodes in sources.items():
        for node in nodes:
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            method = node.func.attr
            if method not in CALLS or ast.unparse(node.func.value) != "re":
                continue
            methods = used.get(name_of(node, nodes), {"search"}) if method == "compile" else {method}
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            for pattern, flags in evaluated(path, node, nodes):
                yield Found(where, ast.unparse(node.args[0]), pattern, flags, frozenset(methods))


def name_of(call: ast.Call, nodes: list[ast.AST]) -> str:
    """What the value is assigned to that the call stands in."""
    for node in nodes:
        if isinstance(node, ast.Assign) and call in ast.walk(node.value):
            return ast.unparse(node.targets[0])
    return ""


def methods_of_names(sources: Iterable[list[ast.AST]]) -> dict[str, set[str]]:
    """What patterns are asked for, by the name that they are kept under, anywhere in the package."""
    used: dict[str, set[str]] = defaultdict(set)
    for nodes in sources:
        for node in nodes:
            if isinstance(node, ast.Attribute) and node.attr in CALLS:
                used[re.sub(r"\[.*|.*\.", "", ast.unparse(node.value))].add(node.attr)
    return used


def evaluated(path: Path, node: ast.Call, nodes: list[ast.AST]) -> Iterator[tuple[Any, int]]:
    """The pattern, or each of them where a comprehension makes several; nothing for one that is none of ours."""
    parts = ["bridge", *path.relative_to(ROOT).with_suffix("").parts]
    module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    text = ast.unparse(node.args[0])
    if text in MADE and MADE[text] is None:
        return
    known = {**vars(module), **(MADE.get(text) or {})}
    around = [each for each in nodes if isinstance(each, ast.DictComp) and node in ast.walk(each.value)]
    loops = " ".join(ast.unparse(each) for each in around[0].generators) if around else "for _ in '1'"
    yield from ((pattern, flags_of(node, known)) for pattern in eval(f"[{text} {loops}]", known))


def flags_of(node: ast.Call, known: dict[str, Any]) -> int:
    place = {"compile": 1, "match": 2, "fullmatch": 2, "search": 2, "findall": 2, "finditer": 2}
    at = place.get(ast.unparse(node.func).removeprefix("re."), 99)
    given = [each.value for each in node.keywords if each.arg == "flags"] + node.args[at : at + 1]
    return int(eval(ast.unparse(given[0]), known)) if given else 0


PATTERNS = list(collected())


def test_they_are_all_found() -> None:
    assert len(PATTERNS) > 30
    files = {found.where.partition(":")[0] for found in PATTERNS}
    assert {"text/markdown/parsing.py", "inspection/text.py"} <= files
    assert any(name.startswith("services/") for name in files)


def _without_classes(pattern: str) -> str:
    """A pattern of `regex` with each of its classes, which may lie within each other, as one letter."""
    pattern = re.sub(r"\\p\{[^}]*\}|\\.", "c", pattern)
    while (shorter := re.sub(r"\[[^\[\]]*\]", "c", pattern)) != pattern:
        pattern = shorter
    return pattern


@pytest.mark.parametrize("module", ["text.characters", "text.lookalikes", "text.filtering"])
def test_patterns_of_unicodes_properties_repeat_nothing_without_end_but_what_ends_them(module: str) -> None:
    found = [
        each
        for each in vars(importlib.import_module(f"bridge.{module}")).values()
        if isinstance(each, regex.Pattern)
    ]
    assert found
    for each in found:
        assert not re.search(r"[*+](?=.)|\{\d*,\}", _without_classes(each.pattern), re.DOTALL), each.pattern


def test_such_patterns_are_nowhere_else() -> None:
    using = {
        path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") if "import regex" in path.read_text()
    }
    assert using == {"text/characters.py", "text/lookalikes.py", "text/filtering.py"}


@pytest.mark.parametrize("found", PATTERNS, ids=str)
def test_no_text_makes_a_pattern_slow(found: Found) -> None:
    anchored, whole = found.methods <= ANCHORED, found.methods <= WHOLE
    assert trouble(found.pattern, found.flags, anchored=anchored, whole=whole) == "", (
        f"{found.where}: {found.pattern!r} is slow: write it so that it can go one way only"
    )


@pytest.mark.parametrize(
    ("pattern", "flags", "anchored"),
    [
        (r"(?:\s+|<!--.*?-->|<\?xml.*?\?>)*<x", re.DOTALL, True),
        (r"(a*)*b", 0, True),
        (r"(a|a)*b", 0, True),
        (r"(?:a+)+$", 0, True),
        (r"(\w+\s?)*$", 0, True),
        (r"x*x*y", 0, True),
        (r"\s+$", 0, False),
        (r"\w+x", 0, False),
        (r"^\s*>", re.MULTILINE, False),
        (r"<[^>]{0,5000}>", 0, False),
    ],
)
def test_a_slow_pattern_is_seen(pattern: str, flags: int, anchored: bool) -> None:
    assert trouble(pattern, flags, anchored=anchored)


@pytest.mark.parametrize(
    ("pattern", "flags", "anchored"),
    [
        (r"a+", 0, False),
        (r"(?<!\w)\w+x", 0, False),
        (r"\bx\w+!", 0, False),
        (r"<[^<>]{0,5000}>", 0, False),
        (r"`[^`]+`", 0, False),
        (r"(?:[a-z]+,)*z", 0, True),
        (r"https?://\S+", 0, False),
        (r"^[ \t]*>", re.MULTILINE, False),
    ],
)
def test_a_quick_pattern_passes(pattern: str, flags: int, anchored: bool) -> None:
    assert not trouble(pattern, flags, anchored=anchored)
