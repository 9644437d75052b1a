"""Sites for process tests: each with a folder, ports and a database of its own, stopped at the end."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.processes import Site

MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[MakeSite]:
    """A prepared site; what its parts printed is shown where the test fails."""
    with ExitStack() as stack:

        def make(name: str = "site", *, database_url: str = "") -> Site:
            site = Site(tmp_path / name, database_url=database_url, TRUSTED_PROXIES="1")
            return stack.enter_context(site)

        yield make
