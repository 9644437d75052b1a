"""`make shape`: the figures by which the size of the code is watched, each on a line."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

from tests.test_layers import LAYERS, SIDEWAYS

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = {"migrations", "sandbox"}
LONG = 250
"""Lines of a module."""
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def modules(folder: str) -> Iterator[Path]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        if not LEFT_OUT & set(path.relative_to(ROOT / folder).parts):
            yield path


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def depth(node: ast.AST, *, inside: int = 0) -> int:
    """How many blocks lie within each other; an `elif` is not within its `if`."""
    deepest = inside
    for name, field in ast.iter_fields(node):
        for child in field if isinstance(field, list) else [field]:
            if isinstance(child, ast.AST):
                is_elif = isinstance(node, ast.If) and name == "orelse" and isinstance(child, ast.If)
                deeper = inside + (isinstance(child, BLOCKS) and not is_elif)
                deepest = max(deepest, depth(child, inside=deeper))
    return deepest


def spread(numbers: list[int]) -> str:
    cuts = quantiles(numbers, n=100, method="inclusive")
    return f"p50 {cuts[49]:.0f}, p90 {cuts[89]:.0f}, p99 {cuts[98]:.0f}, max {max(numbers)}"


def main() -> int:
    code, tests = list(modules("bridge")), list(modules("tests"))
    found = [each for path in code for each in functions(path)]
    code_lines, test_lines = sum(map(lines, code)), sum(map(lines, tests))
    entries = [
        path for path in (ROOT / "bridge").iterdir() if path.name[0] not in "_." and path.suffix != ".typed"
    ]
    figures = {
        "entries at the top of bridge/": len(entries),
        "layers": len(LAYERS),
        "exceptions of the layers": len(SIDEWAYS),
        "lines of Python in bridge/, without migrations and sandbox": f"{code_lines:,}",
        "lines of a function": spread([(each.end_lineno or 0) - each.lineno + 1 for each in found]),
        "blocks within each other": spread([depth(each) for each in found]),
        f"modules over {LONG} lines": sum(lines(path) > LONG for path in code),
        "lines of tests to a line of code": f"{test_lines / code_lines:.2f}",
    }
    for name, figure in figures.items():
        print(f"{name:60} {figure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
