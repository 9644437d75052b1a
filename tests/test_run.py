"""`make run` with real processes: everything comes up, is told apart, and ends together."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from chatbridge_site.environment import BASE_DIR
from tests.processes import free_ports, lease_is_over

pytestmark = pytest.mark.processes


@contextmanager
def run(var: Path, *, port: int, sandbox_port: int) -> Iterator["subprocess.Popen[str]"]:
    """Its output goes to `var/output`. A fresh machine has no variable of ours set."""
    ours = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    with (var / "output").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.run", "--port", str(port), "--sandbox-port", str(sandbox_port)],
            env={**environment, "VAR_DIR": str(var)},
            cwd=BASE_DIR,
            stdout=output,
            stderr=output,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(100)


def wait_for(process: "subprocess.Popen[str]", var: Path, pattern: str) -> "re.Match[str]":
    deadline = time.monotonic() + 120
    while not (found := re.search(pattern, (var / "output").read_text())):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"no {pattern!r} in:\n{(var / 'output').read_text()}")
        time.sleep(0.1)
    return found


def belonging_to(var: Path) -> list[psutil.Process]:
    """Every process that was started with this VAR_DIR."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("VAR_DIR") == str(var):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_everything_comes_up_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    port, sandbox_port = free_ports(2)
    with run(tmp_path, port=port, sandbox_port=sandbox_port) as process:
        wait_for(process, tmp_path, "DISCORD_TOKEN is not set: using a sandbox Discord")
        page = wait_for(process, tmp_path, r"Chat page +(\S+)")[1]
        discord = wait_for(process, tmp_path, r"Sandbox Discord +(\S+)")[1]
        password = wait_for(process, tmp_path, r"user admin, password (\S+)\)")[1]
        wait_for(process, tmp_path, "Connected to Discord")
        assert page == f"http://127.0.0.1:{port}/"
        for address in (page, discord, f"{page}admin/login/", f"{page}static/bridge/chat.js"):
            with urllib.request.urlopen(address, timeout=20) as response:
                assert response.status == 200, address
        assert (tmp_path / "admin_password").read_text() == password
        assert (tmp_path / "admin_password").stat().st_mode & 0o777 == 0o600
        process.send_signal(signal.SIGINT)
        assert process.wait(100) == 0
    deadline = time.monotonic() + 60
    while left := belonging_to(tmp_path):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def children(process: "subprocess.Popen[str]") -> dict[str, psutil.Process]:
    found = {}
    for child in psutil.Process(process.pid).children():
        words = " ".join(child.cmdline())
        found |= {name: child for name in ("runserver", "run_discord_bot", "bridge.sandbox") if name in words}
    return found


def test_a_part_that_is_killed_is_named_and_started_again(tmp_path: Path) -> None:
    port, sandbox_port = free_ports(2)
    with run(tmp_path, port=port, sandbox_port=sandbox_port) as process:
        wait_for(process, tmp_path, "Connected to Discord")
        before = children(process)
        for part in before.values():
            part.kill()
        lease_is_over(tmp_path)
        for name in ("web", "bot", "sandbox"):
            wait_for(process, tmp_path, f"The {name} ended with signal SIGKILL: restarting it")
        wait_for(process, tmp_path, "(?s)Connected to Discord.*Connected to Discord")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as response:
            assert response.status == 200
        after = children(process)
        assert set(after) == set(before)
        assert not {part.pid for part in after.values()} & {part.pid for part in before.values()}


def test_a_bot_that_cannot_start_ends_all_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "DISCORD_TOKEN", "MTE4MDAwMDAwMDAwMDAwMDAwMg.Gabcde.abcdefghijklmnopqrstuvwxyz0123456789AB"
    )
    monkeypatch.setenv("DISCORD_CHANNEL_ID", "42")
    port, sandbox_port = free_ports(2)
    with run(tmp_path, port=port, sandbox_port=sandbox_port) as process:
        assert process.wait(100) == 1
    output = (tmp_path / "output").read_text()
    assert "DISCORD_CHANNEL_ID is not a Discord ID" in output
    assert re.search("The (web|bot) ended with exit code 1: stopping everything", output)
    assert "Traceback" not in output


def test_a_taken_port_ends_in_one_sentence(tmp_path: Path) -> None:
    (sandbox_port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        busy = other.getsockname()[1]
        with run(tmp_path, port=busy, sandbox_port=sandbox_port) as process:
            assert process.wait(100) == 1
    output = (tmp_path / "output").read_text()
    assert output.startswith(f"Port {busy} is taken")
    assert "PORT=" in output
    assert len(output.splitlines()) == 1


def test_where_the_sandboxs_port_is_taken_it_listens_on_another(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        busy = other.getsockname()[1]
        with run(tmp_path, port=port, sandbox_port=busy) as process:
            wait_for(process, tmp_path, f"Port {busy} is taken: the sandbox listens on ")
            discord = wait_for(process, tmp_path, r"Sandbox Discord +(\S+)")[1]
            wait_for(process, tmp_path, "Connected to Discord")
            assert not discord.endswith(f":{busy}/")
