"""Imports inside `bridge` point strictly down."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import bridge
from chatbridge_site.environment import BASE_DIR

ROOT = Path(bridge.__file__).parent

LAYERS = [
    {"conf", "errors", "signals", "text"},
    {"models", "migrations", "inspection", "infra"},
    {"services", "protocol", "files"},
    {"chat"},
    {"delivery", "identity", "presence"},
    {"live", "api", "services/discord", "services/email"},
    {"web", "commands", "schemas", "checks", "extend", "templatetags", "sandbox"},
    {"admin", "http", "apps", "urls"},
    {"management", "asgi", "services/webhook"},
]
LEVEL = {unit: level for level, units in enumerate(LAYERS) for unit in units}

SIDEWAYS = {
    ("conf", "infra"): "without REDIS_URL the address is that of the embedded server",
    ("migrations", "models"): "a migration may name a function of the models as a default",
}

STAND_ALONE = {"sandbox"}
"""Imports nothing of the rest: it stands for a server of somebody else's."""


def unit_of(parts: Sequence[str]) -> str:
    """A module or package right under `bridge`; each service is one by itself."""
    name = parts[0].removesuffix(".py")
    inner = f"{name}/{parts[1]}" if len(parts) > 1 else name
    return inner if inner in LEVEL else name


def imported(path: Path, *, root: Path) -> Iterator[tuple[int, str]]:
    """Each unit of `bridge` that a file imports, with the line."""
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
                yield node.lineno, unit_of(parts[1:])


def violations(root: Path) -> list[str]:
    found = []
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        unit = unit_of(inside.parts)
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


def test_the_architecture_has_the_same_table() -> None:
    text = (BASE_DIR / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("\n## Layers\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d) \| (.*) \|$", section, re.MULTILINE)
    table = {int(number): set(re.findall(r"`([\w/]+)`", units)) for number, units in rows}
    assert table == dict(enumerate(LAYERS, start=1))


def test_every_exception_has_a_use() -> None:
    used = {
        (unit_of(path.relative_to(ROOT).parts), name)
        for path in ROOT.rglob("*.py")
        for _, name in imported(path, root=ROOT)
    }
    assert set(SIDEWAYS) - used == set()


@pytest.mark.parametrize(
    ("file", "line", "offender"),
    [
        ("models.py", "from bridge.chat.actions import post_message", "chat"),
        ("models.py", "from bridge import chat", "chat"),
        ("models.py", "import bridge.chat.actions.posting", "chat"),
        ("models.py", "def late():\n    from bridge.live import consumers", "live"),
        ("chat/history.py", "from bridge.services.discord import card", "services/discord"),
        ("services/discord/relay.py", "from ...live.consumers import ChatConsumer", "live"),
        ("services/discord/relay.py", "from bridge.services.email import views", "services/email"),
        ("services/base.py", "from bridge.services.email import views", "services/email"),
        ("sandbox/server.py", "from bridge.errors import Code", "errors"),
        ("sandbox/server.py", "from .. import errors", "errors"),
        ("management/commands/x.py", "from bridge import asgi", "asgi"),
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
        ("chat/actions.py", "from bridge.models import Message"),
        ("services/discord/relay.py", "from . import threads\nfrom ...chat import history\nimport discord"),
        ("services/discord/relay.py", "from bridge.services import base"),
        ("sandbox/server.py", "from .world import World\nfrom . import defaults"),
        ("web/views.py", "from bridge import __version__"),
        ("infra/redis.py", "from redis.asyncio import Redis"),
    ],
)
def test_an_import_that_points_down_passes(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line)
    assert violations(tmp_path) == []
