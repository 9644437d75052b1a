"""The real thing, in processes of its own: web, bot, sandbox and the Valkey they bring up.

On free ports, with a folder and a database of its own. Each part can be killed and started again at any time;
what it printed is kept in the folder.
"""

import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Self

import orjson
import psutil

from bridge.sandbox import defaults
from tests import postgres
from tests.prepared import Once

HERE = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
PATIENCE = 90.0
"""Seconds that a part may take until it answers."""
BETWEEN_TRIES = 60.0
"""Seconds that a bot may wait after the gateway sent it away before it tries again (test_backoff.py)."""


class NotReady(AssertionError):
    """A part ended or did not answer in time. Its text ends with what the part printed."""


class Process:
    """One part: started, killed and started again, always with the same command and log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: dict[str, str],
        log: Path,
        ready: Callable[[], bool],
        patience: float = PATIENCE,
    ) -> None:
        self.name, self.command, self.env, self.log, self._ready = name, list(command), env, log, ready
        self._patience = patience
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._running is not None, f"{self.name} was not started"
        return self._running.pid

    @property
    def alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def start(self, *, wait: bool = True) -> None:
        assert not self.alive, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=HERE,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Until it answers at its real address."""
        end = time.monotonic() + self._patience
        while not self._ready():
            if not self.alive:
                raise NotReady(f"{self.name} ended.\n{self.tail()}")
            if time.monotonic() > end:
                raise NotReady(f"{self.name} is not ready after {self._patience:.0f} s.\n{self.tail()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """`kill -9`: it gets no chance to tidy up."""
        self._signal(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        return self._signal(signal.SIGTERM)

    def restart(self, *, wait: bool = True) -> None:
        """`kill -9`, then start it again."""
        self.kill()
        self.start(wait=wait)

    def pause(self) -> None:
        """Let it hang until `resume`."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def tail(self, lines: int = 60) -> str:
        printed = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"--- {self.name}, last of {self.log}", *printed[-lines:]])

    def _signal(self, number: signal.Signals) -> int:
        if self._running is None:
            return 0
        if self.alive:
            self._running.send_signal(number)
            # One that was paused hears of it only when it goes on.
            self._running.send_signal(signal.SIGCONT)
        try:
            return self._running.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
            raise NotReady(f"{self.name} did not end.\n{self.tail()}") from None


class Site:
    """All parts of one ChatBridge. `with Site(folder) as site:` prepares it; start the parts that are needed."""

    def __init__(self, folder: Path, *, database_url: str = "", **environment: str) -> None:
        self.folder = folder
        self.web_port, self.sandbox_port = free_ports(2)
        self.url = f"http://{HOST}:{self.web_port}"
        self.sandbox_url = f"http://{HOST}:{self.sandbox_port}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.env = {
            **kept,
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "chatbridge_site.settings",
            "ENV_FILE": "",
            "SECRET_KEY": "processes-only-" + "x" * 50,
            "VAR_DIR": str(folder),
            "ALLOWED_HOSTS": f"{HOST},localhost",
            "HTTPS": "0",
            "DATABASE_URL": database_url,
            "DISCORD_TOKEN": defaults.TOKEN,
            "DISCORD_CHANNEL_ID": str(defaults.SUPPORT_CHANNEL_ID),
            "DISCORD_API_URL": defaults.api_url(self.sandbox_url),
            "DISCORD_GATEWAY_URL": defaults.gateway_url(self.sandbox_url),
            "DISCORD_CDN_URL": defaults.cdn_url(self.sandbox_url),
            **environment,
        }
        web = ["-m", "daphne", "-b", HOST, "-p", str(self.web_port), "chatbridge_site.asgi:application"]
        # The world of the sandbox outlives its process, as Discord would.
        state = ["--state", str(folder / "sandbox.json")]
        sandbox = ["-m", "bridge.sandbox", "--port", str(self.sandbox_port), *state]
        self.web = self._part("web", web, lambda: answers(f"{self.url}/"))
        self.sandbox = self._part("sandbox", sandbox, lambda: answers(f"{self.sandbox_url}/sandbox/world"))
        bot = ["manage.py", "run_discord_bot"]
        self.bot = self._part("bot", bot, self._bot_is_connected, patience=PATIENCE + BETWEEN_TRIES)
        self.parts: tuple[Process, ...] = (self.sandbox, self.web, self.bot)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(_prepared(), self.folder, dirs_exist_ok=True)
        # A copy of what everybody may read.
        self.folder.chmod(0o700)
        if self.env["DATABASE_URL"] and not postgres.is_migrated(self.env["DATABASE_URL"]):
            self.manage("migrate", "--verbosity=0")
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
            for part in self.parts:
                stack.callback(part.stop)

    def another_bot(self) -> Process:
        """A second `run_discord_bot`, ready once it waits to take over."""

        def waits() -> bool:
            return heir.log.exists() and "Waiting for the gateway" in heir.log.read_text()

        heir = self._part("heir", ["manage.py", "run_discord_bot"], waits)
        self.parts = (*self.parts, heir)
        return heir

    def manage(self, *arguments: str) -> str:
        """Run a management command and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=HERE,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, f"manage.py {arguments[0]}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def kill_valkey(self) -> None:
        """`kill -9` for the embedded Valkey of this site; its guard or its users bring it up again."""
        valkeys = self.valkeys()
        assert valkeys, "no Valkey of this site runs"
        for each in valkeys:
            each.kill()

    def valkeys(self) -> list[psutil.Process]:
        return [each for each in psutil.process_iter(["name", "cmdline"]) if self._is_our_valkey(each)]

    def tails(self) -> str:
        return "\n\n".join(part.tail() for part in self.parts if part.log.exists())

    def _part(
        self, name: str, command: Sequence[str], ready: Callable[[], bool], *, patience: float = PATIENCE
    ) -> Process:
        log = self.folder / f"{name}.log"
        return Process(name, command, env=self.env, log=log, ready=ready, patience=patience)

    def _is_our_valkey(self, process: psutil.Process) -> bool:
        name, command = process.info["name"] or "", " ".join(process.info["cmdline"] or ())
        return "valkey" in name and (str(self.folder) in command or self._socket() in command)

    def _socket(self) -> str:
        from bridge.infra import valkey

        return str(valkey.socket_path(self.folder))

    def _bot_is_connected(self) -> bool:
        world = fetch(f"{self.sandbox_url}/sandbox/world")
        return world is not None and orjson.loads(world)["gateway"]["connected"] > 0


def _prepared() -> Path:
    """The folder of a site that was migrated and has its static files: each site gets a copy. It is made by whoever
    asks first, in whichever thread or worker of this run; the others wait for it."""
    with Once("site") as site:
        if not site.path.exists():
            made = Site(site.path.with_name("unfinished"))
            made.folder.mkdir()
            made.manage("migrate", "--verbosity=0")
            made.manage("collectstatic", "--noinput", "--verbosity=0")
            made.folder.rename(site.path)
    return site.path


def lease_is_over(folder: Path) -> None:
    """A bot that was killed leaves its lease behind, for which its successor waits: let that time be over."""
    with closing(sqlite3.connect(folder / "db.sqlite3", timeout=60)) as database, database:
        database.execute("UPDATE bridge_lease SET expires_at = datetime('now', '-1 second')")


def free_ports(count: int) -> list[int]:
    """Below those that a system gives to whoever connects: one of them may be somebody's before our server listens."""
    found: set[int] = set()
    while len(found) < count:
        port = random.SystemRandom().randrange(16_000, 32_000)
        with socket.socket() as each, suppress(OSError):
            each.bind((HOST, port))
            found.add(port)
    return list(found)


def fetch(url: str) -> bytes | None:
    """What stands there, or None where nobody answers (yet)."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            body: bytes = response.read()
            return body
    except (urllib.error.URLError, OSError):
        return None


def answers(url: str) -> bool:
    return fetch(url) is not None


def until(condition: Callable[[], Any], what: str, *, patience: float = 60.0) -> Any:
    """Poll until it is true, and return what it gave."""
    end = time.monotonic() + patience
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience:.0f} s: {what}")
        time.sleep(0.05)
    return found
