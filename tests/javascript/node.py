"""The Node that Playwright brings along: of one version everywhere, and nobody has to install it."""

import os
import subprocess
from pathlib import Path

import playwright

from chatbridge_site.environment import BASE_DIR

NODE = Path(playwright.__file__).parent / "driver" / "node"


def node(*arguments: str | Path, stdin: str = "", **environment: str) -> str:
    """What it printed. Fails with that where it fails."""
    run = subprocess.run(
        [NODE, *arguments],
        input=stdin,
        env={**os.environ, "LC_ALL": "en_GB.UTF-8", "TZ": "Europe/London", **environment},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
