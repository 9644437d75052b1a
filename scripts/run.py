"""`make run`: web, bot and, without a token, a sandbox Discord; until Ctrl-C, or until one of them dies.

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

Parts = dict[str, "subprocess.Popen[bytes]"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.run", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--sandbox-port", type=int, default=8787)
    options = parser.parse_args()
    prepare_environment()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())

    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from bridge import redis

    sandboxed = not settings.DISCORD_TOKEN
    if not settings.SITE_URL:
        os.environ["SITE_URL"] = f"http://{HOST}:{options.port}"
    for name, port in [
        ("PORT", options.port),
        *([("SANDBOX_PORT", options.sandbox_port)] if sandboxed else []),
    ]:
        if taken(port):
            return fail(f"Port {port} is taken: stop what uses it, or make run {name}=….")
    call_command("migrate", interactive=False, verbosity=0)
    login = make_login(settings.VAR_DIR / "admin_password")
    # Held here too, so that it outlives a web or bot that is started again.
    redis.start()

    parts: Parts = {}
    try:
        if sandboxed:
            print("DISCORD_TOKEN is not set: a sandbox Discord takes Discord's place.", flush=True)
            start_sandbox(parts, settings.VAR_DIR, options.sandbox_port, ended)
        start(parts, "web", "manage.py", "runserver", "--noreload", f"{HOST}:{options.port}")
        start(parts, "bot", "manage.py", "run_discord_bot")
        if wait_for_port(parts["web"], options.port, ended):
            print_addresses(options, sandboxed=sandboxed, login=login)
        return watch(parts, ended)
    finally:
        stop(parts)


def prepare_environment() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbridge_site.settings")
    if "DEBUG" not in os.environ and "DEBUG" not in dotenv_values(os.environ.get("ENV_FILE", ".env")):
        os.environ["DEBUG"] = "1"


def taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


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


def start(parts: Parts, name: str, *arguments: str) -> None:
    """In a session of its own: Ctrl-C reaches this process only, which then ends the parts one by one."""
    parts[name] = subprocess.Popen([sys.executable, *arguments], start_new_session=True)


def start_sandbox(parts: Parts, var: Path, port: int, ended: threading.Event) -> None:
    """Web and bot inherit where it is."""
    from bridge.sandbox import defaults

    state = str(var / "sandbox.json")
    start(parts, "sandbox", "-m", "bridge.sandbox", "--port", str(port), "--state", state)
    wait_for_port(parts["sandbox"], port, ended)
    base = f"http://{HOST}:{port}"
    os.environ["DISCORD_TOKEN"] = defaults.TOKEN
    os.environ["DISCORD_CHANNEL_ID"] = str(defaults.SUPPORT_CHANNEL_ID)
    os.environ["DISCORD_API_URL"] = defaults.api_url(base)
    os.environ["DISCORD_GATEWAY_URL"] = defaults.gateway_url(base)


def wait_for_port(part: "subprocess.Popen[bytes]", port: int, ended: threading.Event) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and part.poll() is None and not ended.wait(0.1):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return True
    return False


def print_addresses(options: argparse.Namespace, *, sandboxed: bool, login: str) -> None:
    site = f"http://{HOST}:{options.port}"
    print(f"\n  Chat page        {site}/")
    if sandboxed:
        print(f"  Sandbox Discord  http://{HOST}:{options.sandbox_port}/  (answer there as staff)")
    print(f"  Admin            {site}/admin/  (user {login})")
    print("\n  Ctrl-C ends it.\n", flush=True)


def watch(parts: Parts, ended: threading.Event) -> int:
    """0 after Ctrl-C, 1 when a part ended by itself."""
    while not ended.wait(0.2):
        for name, part in parts.items():
            if part.poll() is not None:
                return fail(
                    f"The {name} ended ({how(part.returncode)}); the rest is stopped. What it said is above."
                )
    return 0


def how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def stop(parts: Parts) -> None:
    """The sandbox last: the bot finishes the delivery in hand."""
    for part in reversed(parts.values()):
        part.terminate()
        try:
            part.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(part.pid, signal.SIGKILL)
            part.wait()


def fail(sentence: str) -> int:
    print(sentence, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
