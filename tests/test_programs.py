"""The programs beside the project start: nothing else in the tests would say so."""

import os
import subprocess
import sys

import pytest

from chatbridge_site.environment import BASE_DIR

PROGRAMS = ["bench", "bench.fuzz", "scripts.mutation", "scripts.run"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_says_how_it_is_used(program: str) -> None:
    """In an environment without any setting of ours, as `make` runs it."""
    ours = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "VAR_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [sys.executable, "-m", program, "--help"],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")
