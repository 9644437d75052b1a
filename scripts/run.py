"""`make run`: web, bot and, without a token, a sandbox Discord, until Ctrl-C.

A part that is stopped or killed is started again; one that cannot start, for a mistake in the settings, ends all.
For trying and developing: DEBUG is on unless the environment or `.env` says otherwise.
"""

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from dotenv import dotenv_values

HOST = "127.0.0.1"
PATIENCE = 10.0
"""Seconds that a part has to come up, and to end after it was asked to."""


class Part:
    """Web, bot or sandbox: a process in a session of its own, so that Ctrl-C reaches this one only."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.name, self.arguments = name, arguments
        self.start()

    def start(self) -> None:
        self.since = time.monotonic()
        self.process = subprocess.Popen([sys.executable, *self.arguments], start_new_session=True)

    @property
    def code(self) -> int | None:
        return self.process.poll()

    @property
    def failed(self) -> bool:
        """Whether it gave up at its start: it would do so again. Else somebody stopped or killed it."""
        return (self.code or 0) > 0 and time.monotonic() - self.since < PATIENCE

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.run", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--sandbox-port", type=int, default=8787)
    options = parser.parse_args()
    prepare_environment(f"http://{HOST}:{options.port}")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())

    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from bridge.infra import redis
    from bridge.sandbox import launching

    sandboxed, discord = not settings.DISCORD_TOKEN, ""
    if launching.taken(options.port):
        return fail(f"Port {options.port} is taken: stop the program that uses it, or use make run PORT=….")
    call_command("migrate", interactive=False, verbosity=0)
    login = make_login(settings.VAR_DIR / "admin_password")
    # Held here too, so that it outlives a web or bot that is started again.
    redis.start()

    parts: list[Part] = []
    try:
        if sandboxed:
            print("DISCORD_TOKEN is not set: using a sandbox Discord.", flush=True)
            sandbox, discord = start_sandbox(settings.VAR_DIR / "sandbox.json", options.sandbox_port, ended)
            parts += [sandbox] if sandbox else []
        web = Part("web", "manage.py", "runserver", "--noreload", f"{HOST}:{options.port}")
        parts += [web, Part("bot", "manage.py", "run_discord_bot")]
        if wait_for_port(web, options.port, ended):
            print_addresses(options, discord=discord, login=login)
        return watch(parts, ended)
    finally:
        # The sandbox last: the bot finishes the delivery in hand.
        for part in reversed(parts):
            part.stop()


def prepare_environment(site: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbridge_site.settings")
    kept = dotenv_values(os.environ.get("ENV_FILE", ".env"))
    for name, value in (("DEBUG", "1"), ("SITE_URL", site)):
        if name not in kept:
            os.environ.setdefault(name, value)


def make_login(kept: Path) -> str:
    """The admin's first user, made once with a random password that is kept in a file."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    if not users.exists():
        password = secrets.token_urlsafe(12)
        kept.touch(mode=0o600)
        kept.write_text(password)
        users.create_superuser("admin", password=password)
    return f"admin, password {kept.read_text()}" if kept.exists() else "your own"


def start_sandbox(state: Path, wanted: int, ended: threading.Event) -> tuple[Part | None, str]:
    """It, or None where one with this state runs already, and its address. Web and bot inherit where it is."""
    from bridge.sandbox import defaults, launching

    sandbox, base = None, launching.running(state)
    if not base:
        port = launching.free_port(wanted)
        if port != wanted:
            print(f"Port {wanted} is taken: the sandbox listens on {port}.", flush=True)
        sandbox = Part("sandbox", *launching.arguments(state, port=port))
        wait_for_port(sandbox, port, ended)
        base = f"http://{HOST}:{port}"
    os.environ["DISCORD_TOKEN"] = defaults.TOKEN
    os.environ["DISCORD_CHANNEL_ID"] = str(defaults.SUPPORT_CHANNEL_ID)
    os.environ["DISCORD_API_URL"] = defaults.api_url(base)
    os.environ["DISCORD_GATEWAY_URL"] = defaults.gateway_url(base)
    os.environ["DISCORD_CDN_URL"] = defaults.cdn_url(base)
    return sandbox, base


def wait_for_port(part: Part, port: int, ended: threading.Event) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and part.code is None and not ended.wait(0.1):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return True
    return False


def print_addresses(options: argparse.Namespace, *, discord: str, login: str) -> None:
    site = f"http://{HOST}:{options.port}"
    print(f"\n  Chat page        {site}/")
    if discord:
        print(f"  Sandbox Discord  {discord}/  (answer there as staff)")
    print(f"  Admin            {site}/admin/  (user {login})")
    print("\n  Press Ctrl-C to stop.\n", flush=True)


def watch(parts: list[Part], ended: threading.Event) -> int:
    """0 after Ctrl-C, 1 when a part cannot be started."""
    while not ended.wait(0.5):
        for part in parts:
            if part.failed:
                return fail(
                    f"The {part.name} ended with {how(part.code)}: stopping everything. See its output above."
                )
            if part.code is not None:
                print(f"The {part.name} ended with {how(part.code)}: restarting it.", flush=True)
                part.start()
    return 0


def how(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}"


def fail(sentence: str) -> int:
    print(sentence, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
