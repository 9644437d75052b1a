"""Imports inside `bridge` point strictly down."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bridge

ROOT = Path(bridge.__file__).parent

LAYERS = [
    {"ending", "errors", "clock", "emojis", "text", "valkey", "memory", "notices"},
    {"conf", "inspection", "lookalikes", "nicks"},
    {"filtering", "addresses"},
    {"models", "protocol", "signals", "markdown", "avatars", "migrations"},
    {"sqlite", "redis", "database", "outlet", "closing", "wire", "files", "tokens", "proofs"},
    {"layer", "headers", "receivers", "bodies", "mounting"},
    {"away"},
    {"hooks"},
    {"publishing", "hub", "services", "presence", "speaking", "listing"},
    {"members"},
    {"online"},
    {"sessions"},
    {"arrivals"},
    {
        "actions",
        "history",
        "delivery",
        "retention",
        "permissions",
        "given",
        "moderation",
        "throttling",
        "browsing",
        "guard",
        "daphne_limits",
    },
    {
        "checks",
        "openings",
        "registry",
        "writer",
        "outbox",
        "listening",
        "dependencies",
        "identity",
        "staff_tokens",
        "reaching",
    },
    {"carriers", "groups", "webhook"},
    {"process", "extend", "description"},
    {
        "api",
        "commands",
        "bot",
        "views",
        "templatetags",
        "uploads",
        "downloads",
        "emoji_pictures",
        "console",
        "mail",
        "admin",
        "sandbox",
    },
    {"http"},
    {"consumers", "management"},
    {"apps", "urls", "routing"},
    {"asgi"},
]
LEVEL = {unit: level for level, units in enumerate(LAYERS) for unit in units}

SIDEWAYS = {
    ("retention", "actions"): "rows that a message may be taking are deleted in one way only",
    ("delivery", "actions"): "what became of a delivery shows on its message, which only actions change",
    ("migrations", "models"): "a migration may name a function of the models as a default",
}

STAND_ALONE = {"sandbox"}
"""Imports nothing of the rest: it stands for a server of somebody else's."""


def imported(path: Path, *, root: Path) -> Iterator[tuple[int, str]]:
    """Each unit of `bridge` (a module or package right under it) that a file imports, with the line."""
    package = ["bridge", *path.relative_to(root).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "bridge" and len(parts) > 1 and not parts[1].startswith("__"):
                yield node.lineno, parts[1]


def violations(root: Path) -> list[str]:
    found = []
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        unit = inside.parts[0].removesuffix(".py")
        if unit == "__init__":
            found += [f"{inside}:{line} imports {name}" for line, name in imported(path, root=root)]
        elif unit not in LEVEL:
            found.append(f"{inside} is in no layer: give {unit} its place in LAYERS")
        else:
            found += [
                f"{inside}:{line} imports {name}"
                for line, name in imported(path, root=root)
                if not allowed(unit, name)
            ]
    return found


def allowed(unit: str, name: str) -> bool:
    if unit == name:
        return True
    if unit in STAND_ALONE or name not in LEVEL:
        return False
    return LEVEL[name] < LEVEL[unit] or (unit, name) in SIDEWAYS


def test_imports_point_down() -> None:
    assert violations(ROOT) == []


def test_every_exception_has_a_use() -> None:
    used = {
        (path.relative_to(ROOT).parts[0].removesuffix(".py"), name)
        for path in ROOT.rglob("*.py")
        for _, name in imported(path, root=ROOT)
    }
    assert set(SIDEWAYS) - used == set()


@pytest.mark.parametrize(
    ("file", "line", "offender"),
    [
        ("models.py", "from bridge.actions import post_message", "actions"),
        ("models.py", "from bridge import actions", "actions"),
        ("models.py", "import bridge.actions.posting", "actions"),
        ("models.py", "def late():\n    from bridge import consumers", "consumers"),
        ("history.py", "from bridge import actions", "actions"),
        ("bot/relay.py", "from ..consumers import ChatConsumer", "consumers"),
        ("bot/relay.py", "from bridge.views import chat", "views"),
        ("sandbox/server.py", "from bridge.errors import Code", "errors"),
        ("sandbox/server.py", "from .. import errors", "errors"),
        ("management/commands/x.py", "from bridge.urls import urlpatterns", "urls"),
        ("__init__.py", "from bridge import models", "models"),
        ("utils.py", "", "is in no layer"),
    ],
)
def test_a_planted_import_is_found(tmp_path: Path, file: str, line: str, offender: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line)
    (violation,) = violations(tmp_path)
    assert offender in violation


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("actions.py", "from bridge.models import Message"),
        ("bot/relay.py", "from . import threads\nfrom ..actions import post_message\nimport discord"),
        ("sandbox/server.py", "from .world import World\nfrom . import defaults"),
        ("views.py", "from bridge import __version__"),
        ("redis.py", "from redis.asyncio import Redis"),
    ],
)
def test_an_import_that_points_down_passes(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line)
    assert violations(tmp_path) == []
