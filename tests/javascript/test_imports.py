"""Imports inside `static/bridge` point strictly down, what has no DOM uses none, and nothing lies about unused."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatbridge_site.environment import BASE_DIR

ROOT = BASE_DIR / "static" / "bridge"
LEVELS = {
    "page": {"chat", "widget", "away"},
    "view": {"view"},
    "model": {"model"},
    "base": {"text", "storage", "wire", "proof"},
}
RANK = {unit: rank for rank, units in enumerate(reversed(LEVELS.values())) for unit in units}
IMPORT = re.compile(r"""^import (?:\{(?P<names>[^}]*)\} from )?"(?P<path>[^"]+)";""", re.MULTILINE)
LOADED_LATER = re.compile(r"""\bimport\("(?P<path>[^"]+)"\)""")
EXPORT = re.compile(r"^export (?:async )?(?:function\*?|class|const|let) (\w+)", re.MULTILINE)
DOM = re.compile(
    r"\b(document|window|navigator|location|HTMLElement|querySelector\w*|createElement|matchMedia)\b"
)
AS_HTML = re.compile(r"\b(innerHTML|outerHTML|insertAdjacentHTML|eval|Function|DOMParser)\b")
LONGEST = 250
"""Lines of a module."""


def code(path: Path) -> str:
    """Without comments and what is written between quotes."""
    text = re.sub(r"/\*.*?\*/|(?<![:\"'`/])//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\"[^\"\n]*\"|'[^'\n]*'", '""', text)


def modules(root: Path) -> list[Path]:
    return sorted(root.rglob("*.js"))


def unit_of(path: Path, root: Path) -> str:
    """The folder or module right under `static/bridge`."""
    return path.relative_to(root).parts[0].removesuffix(".js")


def imported(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each module that one imports, with the names."""
    text = path.read_text(encoding="utf-8")
    for match in [*IMPORT.finditer(text), *LOADED_LATER.finditer(text)]:
        names = match.groupdict().get("names") or ""
        target = (path.parent / match["path"]).resolve()
        yield target, [name.strip() for name in names.split(",") if name.strip()]


def violations(root: Path) -> list[str]:
    wrong = []
    for path in modules(root):
        unit = unit_of(path, root)
        if unit not in RANK:
            wrong.append(f"{path.relative_to(root)} is on no level: give {unit} its place in LEVELS")
            continue
        for target, _ in imported(path):
            if not target.is_relative_to(root):
                continue  # what others wrote
            other = unit_of(target, root)
            if other != unit and RANK[other] >= RANK[unit]:
                wrong.append(f"{path.relative_to(root)} imports {target.relative_to(root)}")
    return wrong


def circles(root: Path) -> list[str]:
    """Modules that import themselves, by way of others."""
    graph = {path.resolve(): {target for target, _ in imported(path)} for path in modules(root)}

    def reached(path: Path) -> set[Path]:
        seen: set[Path] = set()
        waiting = list(graph[path])
        while waiting:
            target = waiting.pop()
            if target not in seen:
                seen.add(target)
                waiting += graph.get(target, ())
        return seen

    return [str(path.relative_to(root.resolve())) for path in graph if path in reached(path)]


def test_imports_point_down() -> None:
    assert violations(ROOT) == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circles(ROOT) == []


def test_the_architecture_has_the_same_levels_and_every_folder() -> None:
    text = (BASE_DIR / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("\n## The page\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \| (.*?) \|", section, re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", units)) for name, units in rows if name in LEVELS} == LEVELS
    folders = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_dir()}
    assert set(re.findall(r"^\| `([\w/]+)` \|", section, re.MULTILINE)) == folders - {"view", "model"} | {
        "model"
    }


@pytest.mark.parametrize("folder", ["text", "model"])
def test_what_has_no_dom_uses_none(folder: str) -> None:
    assert {
        path.name: DOM.findall(code(path)) for path in modules(ROOT / folder) if DOM.search(code(path))
    } == {}


def test_nothing_is_read_as_html_or_as_code() -> None:
    assert {path.name for path in modules(ROOT) if AS_HTML.search(code(path))} == set()


def test_whatever_is_exported_is_imported_and_whatever_is_imported_is_used() -> None:
    used = {(target, name) for path in modules(ROOT) for target, names in imported(path) for name in names}
    exported = {
        (path.resolve(), name) for path in modules(ROOT) for name in EXPORT.findall(path.read_text("utf-8"))
    }
    assert exported - used == set()
    assert {(path.name, name) for path in modules(ROOT) for name in unused(path)} == set()


def unused(path: Path) -> Iterator[str]:
    body = IMPORT.sub("", path.read_text(encoding="utf-8"))
    for _, names in imported(path):
        here = [name.split(" as ")[-1] for name in names]
        yield from (name for name in here if not re.search(rf"\b{name}\b", body))


def test_a_module_can_be_held_in_mind() -> None:
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(ROOT)}
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}


@pytest.mark.parametrize(
    ("file", "line", "offender"),
    [
        ("wire/socket.js", 'import { Chat } from "../model/chat.js";', "model/chat.js"),
        (
            "model/rows/rows.js",
            'import { part } from "../../view/page/elements.js";',
            "view/page/elements.js",
        ),
        ("text/dates.js", 'import { Socket } from "../wire/socket.js";', "wire/socket.js"),
        ("view/page/banner.js", 'import "../../chat.js";', "chat.js"),
        ("view/emoji/picker.js", 'await import("../../widget.js");', "widget.js"),
        ("helpers/x.js", "", "is on no level"),
    ],
)
def test_a_planted_import_is_found(tmp_path: Path, file: str, line: str, offender: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(line)
    (violation,) = violations(tmp_path)
    assert offender in violation


def test_a_planted_circle_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('import { b } from "./b.js";')
    (tmp_path / "b.js").write_text('import { a } from "./a.js";')
    assert circles(tmp_path) == ["a.js", "b.js"]
