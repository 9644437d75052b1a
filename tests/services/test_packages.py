"""A service is a package: whoever deletes it deletes all of it. `make without` does so."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bridge
from chatbridge_site.environment import BASE_DIR
from chatbridge_site.settings import BRIDGE_SERVICES
from tests.test_layers import imported

ROOT = Path(bridge.__file__).parent

MENTION_DISCORD = {
    "conf.py": "its settings, and its line in BRIDGE_SERVICES",
    "checks.py": "mistakes in its settings",
    "models/inboxes.py": "the columns of an inbox's channel",
    "admin/inboxes.py": "the fields of an inbox's channel",
    "admin/validators.py": "what its IDs are like, for both",
    "admin/rooms.py": "the field of a room's channel",
    "management/commands/run_discord_bot.py": "the command's name, and its sandbox",
    "text/filtering.py": "a word filter that forbids links knows invites",
}
"""Besides its package, its stand-in (`sandbox`) and the migrations."""


def sources(root: Path) -> Iterator[Path]:
    """All of `bridge` but the services, as paths within it."""
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if inside.parts[0] not in {"migrations", "sandbox"} and inside.parts[:2] != ("services", "discord"):
            yield inside


def mentions(root: Path) -> set[str]:
    """The files that mention Discord, in code or in words."""
    return {
        str(path)
        for path in sources(root)
        if re.search("discord", (root / path).read_text(encoding="utf-8"), re.IGNORECASE)
    }


def importers(root: Path) -> list[str]:
    """Who imports a service, and is not in its package."""
    found = []
    for path in sorted(root.rglob("*.py")):
        own = "/".join(path.relative_to(root).parts[:2])
        for line, unit in imported(path, root=root):
            if unit.startswith("services/") and unit != own:
                found.append(f"{path.relative_to(root)}:{line} imports {unit}")
    return found


def test_only_these_mention_discord() -> None:
    assert mentions(ROOT) == set(MENTION_DISCORD)


def test_no_template_mentions_discord() -> None:
    pages = list((BASE_DIR / "templates").rglob("*.*"))
    assert pages
    assert [path for path in pages if "discord" in path.read_text(encoding="utf-8").lower()] == []


def test_nobody_imports_a_service_but_the_registry() -> None:
    assert importers(ROOT) == []


def test_each_package_has_its_line_in_the_setting() -> None:
    packages = {path.parent.name for path in ROOT.glob("services/*/service.py")}
    assert packages == {path.split(".")[2] for path in BRIDGE_SERVICES.values()}


@pytest.mark.parametrize("text", ["# as in Discord", "import discord", "LIMIT = 1  # DISCORD"])
def test_a_planted_mention_is_found(tmp_path: Path, text: str) -> None:
    for name in ("chat/limits.py", "services/discord/limits.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    assert mentions(tmp_path) == {"chat/limits.py"}


@pytest.mark.parametrize(
    "text",
    ["from bridge.services.discord import text", "def late():\n    import bridge.services.discord.service"],
)
def test_a_planted_import_of_a_service_is_found(tmp_path: Path, text: str) -> None:
    for name in ("chat/limits.py", "services/discord/limits.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    assert [each.partition(":")[0] for each in importers(tmp_path)] == ["chat/limits.py"]
