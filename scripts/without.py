"""`make without SERVICE=discord`: a service is a package, and whoever deletes it deletes all of it.

Works on a copy of the tree without `bridge/services/SERVICE`, its tests and its line in `BRIDGE_SERVICES`. Everything
else must still import, check, migrate and pass its tests; those in a browser and those that start a whole site are
left out.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ("bridge/conf.py", "chatbridge_site/settings.py")
"""Where a service has its line."""
FAST = (
    "tests/chat/test_receiving.py",
    "tests/delivery/test_considering.py",
    "tests/live/test_groups.py",
    "tests/services/test_*.py",
    "tests/services/*/test_service.py",
)
"""What CI runs for each service: half a minute of one core. All other tests run there too, with all services."""
DOCS = ("tests/test_docs.py", "tests/test_snippets.py")
"""Left out: the docs describe every service. So are the folders of tests that start a whole site."""
LEFT_OUT = (
    *("-m", "not browser and not processes"),
    *(f"--ignore={path}" for path in (*DOCS, "tests/browser", "tests/process")),
)
STARTS = """
import django, importlib, pkgutil
django.setup()
from django.core.management import call_command
import bridge
for module in pkgutil.walk_packages(bridge.__path__, "bridge."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
call_command("check")
call_command("makemigrations", check=True, dry_run=True)
call_command("migrate", verbosity=0)
"""


def services() -> list[str]:
    return sorted(path.parent.name for path in ROOT.glob("bridge/services/*/service.py"))


def files() -> list[str]:
    """What git knows, or would take in."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def copy(service: str, to: Path) -> None:
    deleted = (f"bridge/services/{service}/", f"tests/services/{service}/")
    for name in files():
        if not name.startswith(deleted):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    line = re.compile(rf'^\s*"{service}": "bridge\.services\..*",\n', re.MULTILINE)
    for path in (to / name for name in SETTINGS):
        path.write_text(line.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")


def run(service: str, *, tests: Sequence[str]) -> None:
    """Raises CalledProcessError at the first step that fails."""
    with tempfile.TemporaryDirectory(prefix=f"chatbridge-without-{service}-") as folder:
        tree = Path(folder) / "tree"
        copy(service, tree)
        env = os.environ | {"ENV_FILE": "", "DEBUG": "1", "VAR_DIR": f"{folder}/var", "PYTHONPATH": str(tree)}
        site = env | {"DJANGO_SETTINGS_MODULE": "chatbridge_site.settings"}
        subprocess.run([sys.executable, "-c", STARTS], cwd=tree, env=site, check=True)
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *LEFT_OUT]
        paths = [str(path) for pattern in tests for path in sorted(tree.glob(pattern))]
        subprocess.run([*pytest, *(paths or ("-n", "2"))], cwd=tree, env=env, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service", nargs="*", help="which; each in turn where none is named")
    parser.add_argument("--fast", action="store_true", help="only the tests that CI runs")
    options = parser.parse_args()
    for service in options.service or services():
        print(f"Without {service}:", flush=True)
        run(service, tests=FAST if options.fast else ())


if __name__ == "__main__":
    main()
