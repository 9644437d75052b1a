"""A real nginx for the tests, on ports and in a folder of its own. `python -m tests.nginx` installs one."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chromium import debian, succeeds
from tests.processes import HERE, NotReady, until
from tests.snippets.reading import snippets

FRAME = """
{user}daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{servers}
}}
"""


def find() -> str | None:
    # Debian has it where only root looks.
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def documented() -> list[str]:
    """The configurations in docs/operating.md: one for a host, one for a path."""
    return [each.text for each in snippets(HERE / "docs" / "operating.md") if each.language == "nginx"]


def replaced(text: str, **instead: str) -> str:
    """What the docs say with values of a test: `listen="8443 ssl"`. Each directive must be there."""
    for name, value in instead.items():
        text, count = re.subn(rf"\b{name}(\s+)[^;]+;", rf"{name}\g<1>{value};", text)
        assert count, f"the documented configuration has no {name}"
    return text


@contextmanager
def running(folder: Path, servers: str) -> Iterator[Path]:
    """nginx with these `server` blocks, until the end. What it complains about is in the file that this yields."""
    path, log = folder / "nginx.conf", folder / "error.log"
    path.write_text(
        FRAME.format(user="user root; " if os.geteuid() == 0 else "", folder=folder, servers=servers)
    )
    command = [str(find()), "-c", str(path), "-p", str(folder), "-e", str(log)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    if checked.returncode:
        raise NotReady(checked.stderr)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        # It writes its number once it listens everywhere.
        until(lambda: (folder / "pid").exists() and (folder / "pid").read_text().strip(), "nginx runs")
        yield log
    finally:
        process.terminate()
        process.wait(30)


def main() -> int:
    if find() or (all(succeeds(command) for command in debian("nginx-light")) and find()):
        return 0
    print("=" * 80, "NO NGINX could be installed: the tests behind one are left out.", "=" * 80, sep="\n")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
