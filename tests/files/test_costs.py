"""What looking at files costs, whom it keeps waiting, and what becomes of its processes."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest

from bridge import files
from bridge.errors import BridgeError
from bridge.files import inspecting, workers
from bridge.files.workers import Line
from tests.files.devices import apng
from tests.files.pictures import bomb, drawing, frames, png, saved
from tests.files.spending import Spent, spent

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def least() -> Spent:
    """What the smallest picture takes: the process itself."""
    found = spent(png(1, 1))
    assert found.found == {"kind": "image/png", "width": 1, "height": 1}
    return found


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a PNG of 400 million pixels", bomb),
        ("an AVIF of 50 million pixels in 1 KiB", lambda: saved(drawing(7070, 7070), "AVIF", speed=10)),
        ("a GIF of 570,000 pictures", lambda: frames(570_000)),
        ("a moving PNG of 100,000 pictures", lambda: apng(100_000)),
        ("spaces", lambda: b" " * MIB + b"x"),
        ("comments that never end", lambda: b"<!--" * (MIB // 4)),
    ],
)
def test_a_bomb_costs_hardly_more_than_the_smallest_picture(
    name: str, make: Callable[[], bytes], least: Spent
) -> None:
    data = make()
    taken = spent(data)
    assert not {"width", "refused"} & set(taken.found)
    # Its own bytes, as they are taken apart, and nothing of what they claim.
    assert taken.memory < least.memory + 16 * len(data) + 20 * MIB, name
    assert taken.cpu < 30 * least.cpu, name


def test_a_process_that_looks_at_a_file_has_no_secrets_and_little_of_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, Any] = {}
    run = subprocess.run

    def noted(*args: Any, **options: Any) -> Any:
        given.update(options)
        return run(*args, **options)

    monkeypatch.setattr(subprocess, "run", noted)
    monkeypatch.setenv("SECRET_KEY", "secret")
    files.keep(BytesIO(b"words"), name="a.txt", allowed=None)
    assert set(given["env"]) == {"PYTHONPATH", "MALLOC_ARENA_MAX"}
    script = "import sys, bridge.inspection.__main__; print('django' in sys.modules, 'PIL' in sys.modules)"
    told = run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=given["env"])
    assert told.stdout.split() == ["False", "False"]


def test_it_ends_with_who_asked(tmp_path: Path) -> None:
    """Killed, that says nothing any more. Instead of looking at its file this one waits for the first byte."""
    script = """
import json, os, subprocess, sys
waiting = "import json, sys; from bridge.inspection import __main__ as it; "
waiting += "it.look = lambda source, **_: source.read(1); it.main(json.loads(sys.argv[1]))"
job = {"name": "a", "allowed": None, "data": 1, "thumbnail": 1}
job |= {"limits": [1 << 30, 600, 600, 1 << 30], "parent": os.getpid()}
command = [sys.executable, "-P", "-c", waiting, json.dumps(job)]
worker = subprocess.Popen(command, stdin=open(sys.argv[1], "rb"))
print(worker.pid, flush=True)
worker.wait()
"""
    # Never written to.
    os.mkfifo(tmp_path / "pipe")
    holder = os.open(tmp_path / "pipe", os.O_RDWR)
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "pipe")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    until(lambda: worker.nice() == os.nice(0) + 5, "it is limited")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "it ended")
    os.close(holder)


def until(done: Callable[[], bool], what: str) -> None:
    for _ in range(600):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError(f"not yet: {what}")


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_service_that_is_stopped_says_nothing_about_the_file(
    signal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal as signals

    monkeypatch.setattr(inspecting, "_run", lambda *_: -getattr(signals, signal))
    with pytest.raises(BridgeError) as refused:
        files.keep(BytesIO(b"words"), name="a.txt", allowed=None)
    assert refused.value.code == "unavailable"


def test_no_room_for_a_process_says_nothing_about_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(inspecting, "_run", full)
    with pytest.raises(BridgeError) as refused:
        files.keep(BytesIO(b"words"), name="a.txt", allowed=None)
    assert refused.value.code == "unavailable"


# ------------------------------------------------------------------ the line


class Hall:
    """A line with one thread, which waits at its door until it is opened."""

    def __init__(self, *, most: int = 100) -> None:
        self.line = Line(threads=1, most=most)
        self.served: list[str] = []
        self.door = threading.Event()
        self.first = self.line.put(self.door.wait, owner="first")

    def enter(self, owner: str) -> Future[None]:
        return self.line.put(lambda: self.served.append(owner), owner=owner)

    def open(self, *entered: Future[None]) -> list[str]:
        self.door.set()
        for each in entered:
            each.result(timeout=60)
        return self.served


@pytest.fixture
def hall() -> Iterator[Hall]:
    found = Hall()
    yield found
    found.door.set()


def test_who_brings_one_file_waits_for_one_of_who_brings_many(hall: Hall) -> None:
    entered = [hall.enter("many") for _ in range(20)]
    entered += [hall.enter("one"), hall.enter("another")]
    served = hall.open(*entered)
    assert served.index("one") <= 2
    assert served.index("another") <= 3
    assert len(served) == 22


def test_beyond_its_limit_the_line_is_closed_and_open_again_later() -> None:
    hall = Hall(most=3)
    entered = []
    while len(entered) < 3:
        entered.append(hall.enter(f"{len(entered)}"))
        until(hall.first.running, "the first is served")
    with pytest.raises(BridgeError) as refused:
        hall.enter("late")
    assert refused.value.code == "unavailable"
    assert hall.open(*entered) == ["0", "1", "2"]
    hall.enter("late").result(timeout=60)
    assert hall.served[-1] == "late"


async def test_who_goes_away_is_not_served(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_line", hall.line)
    gone = asyncio.create_task(workers.in_turn(lambda: hall.served.append("gone"), owner="gone"))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert hall.open(hall.enter("next")) == ["next"]


async def test_who_waits_too_long_is_sent_away(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_line", hall.line)
    monkeypatch.setattr(workers, "PATIENCE", 0.01)
    with pytest.raises(BridgeError) as refused:
        await workers.in_turn(lambda: hall.served.append("late"), owner="late")
    assert refused.value.code == "unavailable"
    assert hall.open(hall.enter("next")) == ["next"]


async def test_what_goes_wrong_is_told_to_who_waits_and_the_line_goes_on(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_line", hall.line)
    hall.door.set()
    with pytest.raises(ZeroDivisionError):
        await workers.in_turn(lambda: 1 // 0, owner="wrong")
    assert await workers.in_turn(lambda: "fine", owner="wrong") == "fine"


async def test_reading_waits_for_no_file_that_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is stuck in front of it, in each of the line's threads and behind."""
    door = threading.Event()
    stuck = [workers._line.put(door.wait, owner=f"{number}") for number in range(10)]
    try:
        assert await files.in_background(lambda: "read") == "read"
        assert sum(each.done() for each in stuck) == 0
    finally:
        door.set()
