"""What is installed: pinned with hashes, as the requirements say; and a server without the sandbox."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from chatbridge_site.environment import BASE_DIR
from scripts import lock

# What may be developed and run with: of each a version must be pinned that the requirements allow.
MACHINES = [
    {"python_version": version, "python_full_version": f"{version}.1", "sys_platform": system}
    for version in ("3.11", "3.12", "3.13")
    for system in ("linux", "darwin")
]


def pins(name: str) -> list[Requirement]:
    text = lock.path_of(name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [Requirement(re.sub(r"\s*--hash=\S+", "", line).strip()) for line in lines]


def pinned(name: str, machine: dict[str, str]) -> dict[str, str]:
    """The version of each package on such a machine."""
    found: dict[str, str] = {}
    for each in pins(name):
        if each.marker is None or each.marker.evaluate(machine):
            (version,) = each.specifier
            assert version.operator == "=="
            assert canonicalize_name(each.name) not in found
            found[canonicalize_name(each.name)] = version.version
    return found


@pytest.mark.parametrize("name", lock.LOCKS)
def test_a_lock_is_of_the_requirements_as_they_are_now(name: str) -> None:
    """If this fails: `make lock`."""
    first = lock.path_of(name).read_text(encoding="utf-8").partition("\n")[0]
    assert f"{first}\n" == lock.head(lock.LOCKS[name]), "the lock is stale: make lock"


@pytest.mark.parametrize("name", lock.LOCKS)
@pytest.mark.parametrize(
    "machine", MACHINES, ids=lambda each: f"{each['python_version']} {each['sys_platform']}"
)
def test_it_pins_what_the_requirements_allow(name: str, machine: dict[str, str]) -> None:
    found = pinned(name, machine)
    asked = [Requirement(line) for file in lock.LOCKS[name] for line in lock.needed(file)]
    applying = [each for each in asked if each.marker is None or each.marker.evaluate(machine)]
    assert applying
    for each in applying:
        assert each.specifier.contains(found[canonicalize_name(each.name)]), each


@pytest.mark.parametrize(
    "machine", MACHINES, ids=lambda each: f"{each['python_version']} {each['sys_platform']}"
)
def test_a_server_has_the_versions_that_are_tested(machine: dict[str, str]) -> None:
    tested = pinned("develop", machine)
    for name in ("run", "server"):
        assert pinned(name, machine).items() <= tested.items()


@pytest.mark.parametrize("name", lock.LOCKS)
def test_each_package_has_hashes_and_no_address(name: str) -> None:
    text = lock.path_of(name).read_text(encoding="utf-8")
    for block in re.split(r"\n(?=\S)", text.rstrip())[1:]:
        assert re.fullmatch(
            r"[\w.\[\],-]+==[^\s@]+( ; [^\\]+)? \\(\n +--hash=sha256:[0-9a-f]{64}( \\)?)+", block
        ), block
    assert not re.search(r"://|--(extra-)?index|--find-links|(?i:localhost)", text)


def test_a_server_needs_no_simcord_and_the_sandbox_does() -> None:
    assert "simcord" not in pinned("server", MACHINES[0])
    assert "simcord" in pinned("run", MACHINES[0])
    assert not [line for line in lock.needed("requirements.txt") if line.startswith("simcord")]


WITHOUT = """
import sys
sys.modules["simcord"] = None
import django
django.setup()
import importlib, pkgutil
import bridge, chatbridge_site.asgi
for each in pkgutil.walk_packages(bridge.__path__, "bridge."):
    if "migrations" in each.name or (each.name.startswith("bridge.sandbox.") and not each.name.endswith(OWN)):
        continue
    importlib.import_module(each.name)
assert not [name for name in sys.modules if name.startswith("simcord.")]
print("imported")
""".replace("OWN", '(".launching", ".defaults")')


def without_simcord(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    (folder / "simcord.py").write_text("raise ImportError('No module named simcord', name='simcord')\n")
    env = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "chatbridge_site.settings",
        "ENV_FILE": "",
        "DEBUG": "1",
        "VAR_DIR": str(folder / "var"),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "PYTHONPATH": f"{folder}{os.pathsep}{BASE_DIR}",
    }
    return subprocess.run([sys.executable, *arguments], env=env, cwd=BASE_DIR, capture_output=True, text=True)


def test_a_server_runs_without_it(tmp_path: Path) -> None:
    ended = without_simcord("-c", WITHOUT, folder=tmp_path)
    assert ended.stdout == "imported\n", ended.stderr


def test_who_asks_for_the_sandbox_without_it_is_told_what_to_install(tmp_path: Path) -> None:
    ended = without_simcord("-m", "bridge.sandbox", folder=tmp_path)
    assert ended.returncode == 1
    assert "django-chatbridge[sandbox]" in ended.stderr
    assert "Traceback" not in ended.stderr
