"""A Chromium for the browser tests. `python -m tests.chromium` installs one where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SHELL = "headless-shell"
"""The same engine without a browser's windows and profiles around it: a page takes a quarter of the time."""

ARGUMENTS = [
    "--no-sandbox",
    # No screen is behind it: what draws needs no process of its own.
    "--in-process-gpu",
    # Nothing in a test comes from the internet. What asks for it complains on the console.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
"""With which tests start it."""


def find() -> str | None:
    """The path of the system's, else of the one that Playwright fetched."""
    for name in (f"chromium-{SHELL}", "chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        whole = Path(playwright.chromium.executable_path)
    # Playwright fetches both, each into a folder of its own.
    shells = whole.parents[2].glob(f"chromium_headless_shell-*/*/chrome-{SHELL}")
    return next((str(path) for path in [*shells, whole] if path.exists()), None)


def install() -> None:
    """The shell as Debian's package; else Playwright's build or, where it cannot be fetched, Debian's whole one."""
    with_libraries = ["--with-deps"] if os.geteuid() == 0 else []
    attempts = [
        debian(f"chromium-{SHELL}"),
        [[sys.executable, "-m", "playwright", "install", *with_libraries, "chromium"]],
        debian("chromium")[1:],
    ]
    for commands in attempts:
        for command in commands:
            if not succeeds(command):
                break
        if find():
            return


def debian(package: str) -> list[list[str]]:
    """Commands that install it."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    return [
        [*apt, "update", "-qq"],
        [*apt, "install", "-y", "-qq", "--no-install-recommends", "--no-remove", package],
    ]


def succeeds(command: list[str]) -> bool:
    print("+", " ".join(command), flush=True)
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, timeout=240).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        print(error)
        return False


def main() -> int:
    found = find()
    # A developer's own browser will do; in CI the shell is worth being fetched beside it.
    if found and (SHELL in found or not os.environ.get("CI")):
        return 0
    install()
    if find():
        return 0
    print("=" * 80, "NO BROWSER could be installed: the browser tests are left out.", "=" * 80, sep="\n")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
