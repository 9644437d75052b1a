"""The package that `pip install .` builds: all of the app, its pages and licences, and nothing of this site."""

import email
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import bridge
from chatbridge_site.environment import BASE_DIR
from scripts import lock

APP = ("bridge/", "templates/bridge/", "templates/admin/bridge/", "static/")


def build(source: Path, kind: str, target: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(build(BASE_DIR, "wheel", tmp_path_factory.mktemp("wheel"))) as opened:
        yield opened


def of_the_app() -> set[str]:
    """Files of the app as they lie in a working copy."""
    found = (path for folder in APP for path in (BASE_DIR / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(BASE_DIR)) for path in found if "__pycache__" not in path.parts}


def inside(name: str) -> str:
    """Where a file of the working copy lies in the wheel."""
    return name if name.startswith("bridge/") else f"bridge/{name}"


def metadata(wheel: zipfile.ZipFile) -> "email.message.Message":
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(name))


def test_it_has_every_file_of_the_app_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == {inside(name) for name in of_the_app()} | {"bridge/CHANGELOG.md"}
    assert "bridge/py.typed" in packed


def test_it_needs_what_the_one_list_says(wheel: zipfile.ZipFile) -> None:
    def name(requirement: str) -> str:
        return re.split(r"[\s\[~<>=;]", requirement)[0].lower().replace(".", "-").replace("_", "-")

    needed = metadata(wheel).get_all("Requires-Dist") or []
    plain = [each for each in needed if "extra ==" not in each]
    assert sorted(map(name, plain)) == sorted(map(name, lock.needed("requirements.txt")))
    # As ranges: what exactly is installed, the project that uses it decides.
    assert not [each for each in needed if "==" in each.partition(";")[0]]


def test_the_sandbox_is_an_extra(wheel: zipfile.ZipFile) -> None:
    extra = [each for each in metadata(wheel).get_all("Requires-Dist") or [] if "extra ==" in each]
    assert [each.partition("~")[0].strip() for each in extra] == ["simcord"]
    assert metadata(wheel).get_all("Provides-Extra") == ["sandbox"]


def test_its_version_is_that_of_the_changelog(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    assert metadata(wheel)["Version"] == bridge.__version__
    wheel.extractall(tmp_path)
    command = [sys.executable, "-c", "import bridge; print(bridge.__file__, bridge.__version__)"]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    told = subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True, text=True).stdout
    assert told.split() == [str(tmp_path / "bridge/__init__.py"), bridge.__version__]


def test_what_others_wrote_comes_with_its_licence(wheel: zipfile.ZipFile) -> None:
    named = metadata(wheel).get_all("License-File") or []
    assert set(named) >= {"LICENSE"}
    vendored = [folder.name for folder in (BASE_DIR / "static/vendor").iterdir() if folder.is_dir()]
    assert vendored
    for folder in vendored:
        assert f"static/vendor/{folder}/LICENSE" in named


def test_the_same_is_built_from_the_source_distribution(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    # Not `tarfile`: the first releases of 3.11 have no `filter`, and later ones warn without it.
    subprocess.run(["tar", "-xf", build(BASE_DIR, "sdist", tmp_path / "sdist"), "-C", tmp_path], check=True)
    (unpacked,) = tmp_path.glob("django_chatbridge-*")
    with zipfile.ZipFile(build(unpacked, "wheel", tmp_path / "wheel")) as again:
        assert sorted(again.namelist()) == sorted(wheel.namelist())
