"""A plug-in of pytest: once the others are loaded it waits, and forks for each fault.

Nothing of the project is imported by then, so that each fork imports it with its fault.
"""

import ast
import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from coverage import CoverageData

MOST_TESTS = 60
"""For one fault. Those that run little else come first, so a fault that is noticed at all is so soon."""

_chosen: list[str] = []


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: Any) -> Iterator[None]:
    _serve(Path(os.environ["MUTATION_SOCKET"]), Tests(Path(os.environ["MUTATION_COVERAGE"])))
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    config.args = list(_chosen)
    # What a worker of the same command leaves behind is none of ours.
    config.option.timeout = 60


class Tests:
    """Which tests run which lines, and which they are for a module that has changed."""

    def __init__(self, coverage: Path) -> None:
        data = CoverageData(str(coverage))
        data.read()
        self._contexts = {
            str(Path(file).relative_to(Path.cwd())): data.contexts_by_lineno(file)
            for file in data.measured_files()
        }
        self._pristine = {name: Path(name).read_text(encoding="utf-8") for name in self._contexts}
        self._breadth = Counter(
            test for lines in self._contexts.values() for tests in lines.values() for test in tests
        )

    def of(self, module: str) -> list[str]:
        """The tests that run the lines in which it differs now; of its whole where only an import runs those."""
        lines = self._contexts.get(module, {})
        here = _statements(self._pristine.get(module, ""), changed=Path(module).read_text(encoding="utf-8"))
        found = {test for line in here for test in lines.get(line, ()) if test}
        found = found or {test for tests in lines.values() for test in tests if test}
        nodes = {test.partition("|")[0]: self._breadth[test] for test in found}
        return sorted(nodes, key=nodes.__getitem__)[:MOST_TESTS]


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


def _serve(place: Path, tests: Tests) -> None:
    """Return in each fork, never here."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
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
                    return
                _, status = os.waitpid(child, 0)
                connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
