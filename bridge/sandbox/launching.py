"""Which sandbox is whose: the one that keeps its world in a given file, found or started.

Another project's sandbox may listen on the usual port, and the port of one that ended may be somebody else's now. So
an address counts only where what answers there names the file itself.
"""

import fcntl
import importlib
import json
import os
import socket
import subprocess
import sys
import urllib.request
from http.client import HTTPException
from pathlib import Path
from time import monotonic, sleep

from . import defaults

PATIENCE = 15.0
PATIENCE_WITH_ANOTHER = 3.0
"""Seconds that a sandbox has to answer after its start, and after this one ended since another has its file."""


MISSING = (
    "The sandbox needs simcord: pip install 'django-chatbridge[sandbox]', in a working copy "
    "pip install -r requirements-sandbox.txt."
)


def is_installed() -> bool:
    """Whether what the sandbox stands on is there: a server needs none of it."""
    try:
        return importlib.import_module("simcord") is not None
    except ImportError:
        return False


class StateInUse(Exception):
    """Another sandbox keeps its world in this file."""


class Claim:
    """A state file is one sandbox's at a time; beside it stands where that listens. Gone with its process."""

    def __init__(self, state: Path) -> None:
        state.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(_claim_file(state), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise StateInUse(f"Another sandbox uses {state}.") from None

    def publish(self, port: int) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(port).encode(), 0)

    def release(self) -> None:
        os.close(self._file)


def _claim_file(state: Path) -> Path:
    return state.with_name(f"{state.name}.lock")


def running(state: Path) -> str | None:
    """The address of the sandbox that keeps its world in this file, without a slash at its end; None: none runs."""
    try:
        port = int(_claim_file(state).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    url = f"http://{defaults.HOST}:{port}"
    try:
        with urllib.request.urlopen(f"{url}/sandbox/state", timeout=2) as answer:  # noqa: S310  # loopback
            said = json.loads(answer.read(4096))
    except (OSError, ValueError, HTTPException):
        return None
    return url if isinstance(said, dict) and said.get("state") == str(state.resolve()) else None


def launch(state: Path, *, port: int) -> tuple[str, "subprocess.Popen[bytes] | None"]:
    """The address of the sandbox with this state, and the process if it was started for it.

    It listens on `port` where that is free, else on another. Raises OSError where it does not come up.
    """
    if url := running(state):
        return url, None
    if not is_installed():
        raise OSError(MISSING)
    command = [sys.executable, *arguments(state, port=free_port(port))]
    process = subprocess.Popen(command, start_new_session=True)
    deadline = monotonic() + PATIENCE
    while not (url := running(state)):
        if process.poll() is not None:
            # Another was started for this file at the same time, or it failed.
            deadline = min(deadline, monotonic() + PATIENCE_WITH_ANOTHER)
        if monotonic() > deadline:
            process.kill()
            raise OSError("The sandbox did not start; its output says why.")
        sleep(0.1)
    return url, process if process.poll() is None else None


def arguments(state: Path, *, port: int) -> list[str]:
    """Python's, for a sandbox of this state."""
    return ["-m", "bridge.sandbox", "--port", str(port), "--state", str(state)]


def free_port(wanted: int) -> int:
    """This one, or another where it is taken."""
    return _free(0) if taken(wanted) else wanted


def taken(port: int) -> bool:
    try:
        _free(port)
    except OSError:
        return True
    return False


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((defaults.HOST, port))
        return int(probe.getsockname()[1])
