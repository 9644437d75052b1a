"""Scenarios with real processes, side by side: they spend most of their time waiting for leases and time-outs.

A test names its scenario with `@pytest.mark.scenario.with_args(run)`: a coroutine function that gets a folder and
returns what is to be printed. All that were collected start together with the first.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.process.chaos import SEED

Scenario = Callable[[Path], Coroutine[Any, Any, str]]
Report = Callable[[], None]
PATIENCE = 600.0 + 120.0 * int(os.environ.get("CHAOS_ROUNDS") or 1)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "scenario(run): a coroutine function that runs beside the others")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("scenario"):
            item.add_marker(pytest.mark.timeout(PATIENCE))
            item.add_marker(pytest.mark.processes)


@pytest.fixture(scope="session")
def scenarios(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Scenario, "Future[str]"]]:
    marks = [mark for item in request.session.items for mark in item.iter_markers("scenario")]
    runs: list[Scenario] = list(dict.fromkeys(mark.args[0] for mark in marks))
    with ThreadPoolExecutor(len(runs)) as pool:
        yield {run: pool.submit(_run, run, tmp_path_factory.mktemp(run.__name__)) for run in runs}


def _run(scenario: Scenario, folder: Path) -> str:
    return asyncio.run(scenario(folder))


@pytest.fixture
def report(
    request: pytest.FixtureRequest,
    scenarios: dict[Scenario, "Future[str]"],
    capsys: pytest.CaptureFixture[str],
) -> Report:
    """Waits for the scenario and prints what it counted, or raises what it found."""
    run: Scenario = request.node.get_closest_marker("scenario").args[0]

    def wait() -> None:
        with capsys.disabled():
            print(f"\n{run.__doc__} CHAOS_SEED={SEED}", flush=True)
            print(scenarios[run].result(), flush=True)

    return wait
