"""The app in a project whose settings know nothing of it: defaults that work, and nobody who asks past them."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import global_settings
from django.core.files.storage import FileSystemStorage

import bridge
from bridge import conf
from bridge.conf import file_storage
from bridge.models import Attachment

ROOT = Path(bridge.__file__).parent

BARE = """
import sys
from django.conf import settings
settings.configure(SECRET_KEY="k", BASE_DIR={base!r}, **{more!r})
from bridge import conf
for name in vars(conf.Settings):
    if name.isupper():
        print(name, repr(getattr(conf.settings, name)))
"""


def bare(base: Path, **more: Any) -> dict[str, str]:
    """Each of our settings as a project has it that sets only these."""
    done = subprocess.run(
        [sys.executable, "-c", BARE.format(base=str(base), more=more)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def test_a_project_that_sets_nothing_gets_defaults_that_work(tmp_path: Path) -> None:
    found = bare(tmp_path)
    assert found["VALKEY_DIR"] == found["VAR_DIR"] == repr(tmp_path / "var")
    assert found["REDIS_URL"].startswith("'unix://")
    assert found["DISCORD_TOKEN"] == "''"
    assert not (tmp_path / "var").exists()


def test_a_project_with_a_redis_of_its_own_gets_no_valkey(tmp_path: Path) -> None:
    found = bare(tmp_path, REDIS_URL="redis://localhost:6379/5")
    assert (found["REDIS_URL"], found["VALKEY_DIR"]) == ("'redis://localhost:6379/5'", "None")
    assert bare(tmp_path, REDIS_URL="")["VALKEY_DIR"] == repr(tmp_path / "var")


def test_what_a_project_sets_stands_also_where_it_is_less(tmp_path: Path) -> None:
    found = bare(tmp_path, BRIDGE_SERVICES={}, TRUSTED_PROXIES=2, VAR_DIR="/srv/chat")
    assert (found["BRIDGE_SERVICES"], found["TRUSTED_PROXIES"]) == ("{}", "2")
    assert found["VALKEY_DIR"] == "PosixPath('/srv/chat')"


def test_attachments_never_go_into_a_projects_own_media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT, settings.VAR_DIR = tmp_path / "media", tmp_path / "var"
    settings.STORAGES = {name: kept for name, kept in settings.STORAGES.items() if name != conf.STORAGE}
    storage = file_storage()
    assert isinstance(storage, FileSystemStorage)
    assert storage.path("cat.png") == str(tmp_path / "var/files/cat.png")


def test_a_storage_of_our_name_is_taken(settings: Any) -> None:
    backend = "django.core.files.storage.InMemoryStorage"
    settings.STORAGES = {**settings.STORAGES, conf.STORAGE: {"BACKEND": backend}}
    assert type(file_storage()).__name__ == "InMemoryStorage"


def test_a_command_may_set_one_for_its_process(settings: Any) -> None:
    settings.DISCORD_TOKEN = ""  # put back after the test
    conf.settings.DISCORD_TOKEN = "another"
    assert settings.DISCORD_TOKEN == "another"


def test_the_page_for_other_projects_names_them_all() -> None:
    text = (ROOT.parent / "docs/embedding.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)
    ours = [name for name in vars(conf.Settings) if name.isupper()]
    assert sorted(documented) == sorted(ours), "its table has a row for each"


def asked_of_django(source: str) -> set[str]:
    """Names of settings that a module takes from Django's own object."""
    tree = ast.parse(source)
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.conf"
        for alias in node.names
        if alias.name == "settings"
    }
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names
    }


WITHOUT_DEFAULT = {"BASE_DIR": "where the docs of a working copy are"}


def test_nobody_asks_a_foreign_project_for_a_setting_that_only_ours_has() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in ROOT.rglob("*.py")
        for name in asked_of_django(path.read_text(encoding="utf-8"))
        if not hasattr(global_settings, name) and name not in WITHOUT_DEFAULT
    }
    assert wrong == set(), "ask bridge.conf.settings"


@pytest.mark.parametrize("line", ["settings.SITE_URL", "f'{settings.SITE_URL}/x'"])
def test_one_who_asks_django_is_found(line: str) -> None:
    assert asked_of_django(f"from django.conf import settings\n{line}") == {"SITE_URL"}
    assert asked_of_django(f"from django.conf import settings as project\n{line}") == set()


def test_a_row_of_a_file_knows_where_it_is_kept() -> None:
    for name in ("file", "thumbnail"):
        assert Attachment._meta.get_field(name).deconstruct()[3]["storage"] is file_storage
