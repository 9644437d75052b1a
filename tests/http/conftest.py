"""The cast: a visitor and a stranger, each with a program of his own, and a page that is open beside them."""

from collections.abc import AsyncIterator

import pytest_asyncio

from bridge.live.worker import Worker
from bridge.models import Inbox
from tests.http.caller import Caller
from tests.web.conftest import browser, inbox, no_refill, settings_without_limits, staff_write

__all__ = ["browser", "inbox", "no_refill", "settings_without_limits", "staff_write"]


@pytest_asyncio.fixture
async def process(valkey_url: str, inbox: Inbox) -> AsyncIterator[Worker]:
    yield Worker.current()
    await Worker.current().stop()


@pytest_asyncio.fixture
async def visitor(process: Worker) -> Caller:
    someone = Caller()
    await someone.start()
    return someone


@pytest_asyncio.fixture
async def stranger(process: Worker) -> Caller:
    """Somebody else, with a conversation of his own."""
    someone = Caller(address="198.51.100.7")
    await someone.start()
    await someone.write("Somebody else's question")
    return someone
