"""One embedded Valkey, whoever starts first, dies or leaves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from bridge.infra import valkey

pytestmark = pytest.mark.processes

USER = """
import sys, pathlib
from bridge.infra import valkey
valkey.keep(pathlib.Path(sys.argv[1]))
print("up", flush=True)
sys.stdin.read()
"""


@contextmanager
def users(home: Path, *, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """That many processes, started at once, which keep the server until their standard input closes."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", USER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        wait_for(lambda: not servers(home))


def leave(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 0


def servers(home: Path) -> list[psutil.Process]:
    socket = str(valkey.socket_path(home))
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "valkey-server" and socket in " ".join(process.info["cmdline"] or [])
    ]


def guards(home: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] and process.info["cmdline"][-2:-1] == [str(home)]
    ]


def renewed(home: Path, old: psutil.Process) -> bool:
    """Whether exactly one server is there, another than `old`, and answers."""
    now = servers(home)
    return len(now) == 1 and now[0].pid != old.pid and valkey.answers(home)


def wait_for(condition: Callable[[], object], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_twelve_processes_that_start_at_once_share_one_server(tmp_path: Path) -> None:
    with users(tmp_path, count=12):
        assert len(servers(tmp_path)) == 1
        assert valkey.answers(tmp_path)


def test_it_stays_while_one_is_left_and_stops_after_the_last(tmp_path: Path) -> None:
    with users(tmp_path, count=2) as (first, second):
        leave(first)
        assert valkey.answers(tmp_path)
        leave(second)
        wait_for(lambda: not servers(tmp_path))
        wait_for(lambda: not guards(tmp_path))
        assert not (tmp_path / "valkey.sock").exists()


def test_it_stops_when_the_last_is_killed(tmp_path: Path) -> None:
    with users(tmp_path, count=1) as (only,):
        only.kill()
        wait_for(lambda: not servers(tmp_path))


@pytest.mark.parametrize("count", [1, 3])
def test_a_killed_server_is_brought_up_again_once(tmp_path: Path, count: int) -> None:
    with users(tmp_path, count=count):
        (server,) = servers(tmp_path)
        server.kill()
        wait_for(lambda: renewed(tmp_path, server))


def test_a_killed_guard_takes_its_server_along_and_both_come_back(tmp_path: Path) -> None:
    with users(tmp_path, count=1):
        (server,), (guard,) = servers(tmp_path), guards(tmp_path)
        guard.kill()
        wait_for(lambda: renewed(tmp_path, server) and [each.pid for each in guards(tmp_path)] != [guard.pid])


def test_a_hung_server_is_replaced(tmp_path: Path) -> None:
    with users(tmp_path, count=2):
        (server,) = servers(tmp_path)
        os.kill(server.pid, signal.SIGSTOP)
        wait_for(lambda: renewed(tmp_path, server))


def test_who_killed_starter_and_server_finds_a_stale_socket_and_starts_anew(tmp_path: Path) -> None:
    with users(tmp_path, count=1) as (only,):
        for process in (only, *guards(tmp_path), *servers(tmp_path)):
            process.kill()
        wait_for(lambda: not servers(tmp_path))
        assert (tmp_path / "valkey.sock").exists()
        with users(tmp_path, count=1):
            assert valkey.answers(tmp_path)


def test_who_comes_while_the_last_leaves_gets_a_server(tmp_path: Path) -> None:
    for _ in range(5):
        with users(tmp_path, count=1) as (last,):
            assert last.stdin is not None
            last.stdin.close()
            with users(tmp_path, count=1):
                last.wait(10)
                assert valkey.answers(tmp_path)


def test_nothing_is_kept_and_no_port_is_open(tmp_path: Path) -> None:
    with users(tmp_path, count=1):
        (server,) = servers(tmp_path)
        assert server.net_connections("inet") == []
    assert not list(tmp_path.glob("*.rdb")) + list(tmp_path.glob("*.aof"))


def test_a_path_too_long_for_a_socket_moves_to_a_runtime_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    assert len(str(valkey.socket_path(deep))) <= valkey.LONGEST_PATH
    assert valkey.socket_path(deep) != valkey.socket_path(tmp_path / ("e" * 120))
    with users(deep, count=1):
        assert valkey.answers(deep)
        assert valkey.socket_path(deep).parent.stat().st_mode & 0o777 == 0o700
    valkey.socket_path(deep).parent.rmdir()


def test_a_runtime_folder_that_somebody_planted_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("f" * 120)
    planted = valkey.socket_path(deep).parent
    planted.symlink_to(tmp_path)
    try:
        with pytest.raises(valkey.ValkeyUnavailable, match="belongs to another user"):
            valkey.keep(deep)
    finally:
        planted.unlink()
