"""A Chromium for the browser tests. `python -m tests.chromium` installs one where there is none."""

import os
import shutil
import subprocess
import sys

from playwright.sync_api import sync_playwright


def find() -> str | None:
    """The path of the system's, else of the one that Playwright fetched."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None


def install() -> None:
    """Playwright's build or, where it cannot be fetched, Debian's package."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    with_libraries = ["--with-deps"] if os.geteuid() == 0 else []
    attempts = [
        [[sys.executable, "-m", "playwright", "install", *with_libraries, "chromium"]],
        [[*apt, "update", "-qq"], [*apt, "install", "-y", "-qq", "--no-install-recommends", "chromium"]],
    ]
    for commands in attempts:
        for command in commands:
            if not succeeds(command):
                break
        if find():
            return


def succeeds(command: list[str]) -> bool:
    print("+", " ".join(command), flush=True)
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, timeout=240).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        print(error)
        return False


def main() -> int:
    if find():
        return 0
    install()
    if find():
        return 0
    print("=" * 80, "NO BROWSER could be installed: the browser tests are left out.", "=" * 80, sep="\n")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
