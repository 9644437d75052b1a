"""A plug-in of pytest that waits, and forks for each fault.

It waits once all tests are collected, and a fork puts the fault into what is loaded. Or, where `MUTATION_BARE` is set,
before anything of the project is imported, so that a fork imports it with its fault.
"""

import ast
import functools
import os
import shutil
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import discord  # noqa: F401
import django.db.models
import django.forms
import django.http  # noqa: F401
import playwright.sync_api  # noqa: F401
import psycopg  # noqa: F401
import pytest
import redis.asyncio  # noqa: F401
from coverage import CoverageData
from hypothesis.internal.conjecture.engine import ConjectureRunner

from scripts.mutation.swapping import CannotSwap, Loaded

MOST_TESTS = 100
"""For one fault. Those that run much of its module and little else come first, because they are about it; quick ones
before slow ones; and those of many files, because tests of one file notice much the same."""
ENOUGH = 8.0
"""CPU seconds of tests, after which no further one is begun for one fault."""
COSTS_ANYWAY = 0.1
"""Seconds for what surrounds a test."""
LONGEST = 60.0
NOT_HERE, HUNG = 97, 98

_bare = bool(os.environ.get("MUTATION_BARE"))
_chosen: list[str] = []


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: Any) -> Iterator[None]:
    if _bare:
        _serve()
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if _bare:
        config.args = list(_chosen)
        _give_database()
    # What a worker of the same command leaves behind is none of ours.
    config.option.timeout = 30
    # That an example fails is enough; which is the smallest nobody reads.
    ConjectureRunner.shrink_interesting_examples = lambda self: None  # type: ignore[method-assign]
    config.option.reuse_db = True


def _give_database() -> None:
    """A migrated one: that, and even to look whether it is, would take longer than most tests."""
    from django.conf import settings
    from django.core.management.commands.migrate import Command

    Command.handle = lambda *_, **__: None
    shutil.copy(os.environ["MUTATION_DATABASE"], settings.DATABASES["default"]["TEST"]["NAME"])


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    if _bare:
        return
    items = {item.nodeid: item for item in session.items}
    loaded, folder = Loaded(), Path(os.environ["VAR_DIR"])
    kept = set(folder.iterdir())
    module, before = _serve()
    try:
        loaded.swap(module, before=before, after=module.read_text(encoding="utf-8"))
    except (CannotSwap, SyntaxError):
        if before != module.read_text(encoding="utf-8"):
            os._exit(NOT_HERE)
    # What the forks before this one have left.
    for each in set(folder.iterdir()) - kept:
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    _give_database()
    session.items = [items[each] for each in _chosen if each in items]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not _bare:
        # What stands in `atexit` belongs to the one that waits.
        os._exit(session.exitstatus)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol() -> bool | None:
    """Whether this test was done, by leaving it out."""
    return True if time.process_time() - _begun() > ENOUGH else None


@functools.cache
def _begun() -> float:
    return time.process_time()


class Tests:
    """Which tests run which lines, and which they are for a module that has changed."""

    def __init__(self, coverage: Path, times: Path) -> None:
        data = CoverageData(str(coverage))
        data.read()
        self._contexts = {file: data.contexts_by_lineno(file) for file in data.measured_files()}
        self.pristine = {name: Path(name).read_text(encoding="utf-8") for name in self._contexts}
        self._breadth = Counter(
            test for lines in self._contexts.values() for tests in lines.values() for test in tests
        )
        self._seconds = _seconds(times)

    def of(self, module: str) -> list[str]:
        """The tests that run the lines in which it differs now; of its whole where only an import runs those."""
        lines = self._contexts.get(module, {})
        here = _statements(self.pristine.get(module, ""), changed=Path(module).read_text(encoding="utf-8"))
        found = {test for line in here for test in lines.get(line, ()) if test}
        found = found or {test for tests in lines.values() for test in tests if test}
        inside = Counter(test for tests in lines.values() for test in tests)
        nodes = {test.rpartition("|")[0]: self._breadth[test] / inside[test] for test in found}
        worth = {test: breadth * (COSTS_ANYWAY + self._seconds[test]) for test, breadth in nodes.items()}
        places: Counter[str] = Counter()
        order = {}
        for test in sorted(worth, key=worth.__getitem__):
            file = test.partition("::")[0]
            places[file] += 1
            order[test] = worth[test] * places[file]
        return sorted(order, key=order.__getitem__)[:MOST_TESTS]


def _seconds(report: Path) -> Counter[str]:
    """How long each test took, by its name as in coverage's contexts."""
    seconds: Counter[str] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest has written it.
        module, begins, rest = case.attrib["classname"].partition(".Test")
        inside = f"Test{rest}::" if begins else ""
        seconds[f"{module.replace('.', '/')}.py::{inside}{case.attrib['name']}"] += float(case.attrib["time"])
    return seconds


def _statements(pristine: str, *, changed: str) -> set[int]:
    """The first lines of the innermost statements that differ, as coverage counts them."""
    before, after = pristine.splitlines(), changed.splitlines()
    differing = {
        number for number, pair in enumerate(zip(before, after, strict=False), 1) if pair[0] != pair[1]
    }
    if not differing:
        return set()
    starts: set[int] = set()
    for line in differing:
        around = [
            node.lineno
            for node in ast.walk(ast.parse(pristine))
            if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0)
        ]
        starts.add(max(around, default=line))
    return starts


def _serve() -> tuple[Path, str]:
    """Returns in each fork, never here: the module with the fault, and its text without."""
    tests = Tests(Path(os.environ["MUTATION_COVERAGE"]), Path(os.environ["MUTATION_TIMES"]))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.environ["MUTATION_SOCKET"])
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                module = connection.makefile().readline().strip()
                _chosen[:] = tests.of(module)
                if not _chosen:
                    connection.sendall(b"0")
                    continue
                child = os.fork()
                if child == 0:
                    signal.signal(signal.SIGTERM, signal.SIG_DFL)
                    os.setsid()
                    return Path(module), tests.pristine.get(module, "")
                connection.sendall(str(_code_of(child)).encode())


def _code_of(child: int) -> int:
    """Its exit code. What hangs, even after pytest has given its test up, is ended with all that it started."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HUNG
