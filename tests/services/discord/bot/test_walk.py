"""The walk in docs/architecture.md: the files through which a message goes to Discord and back."""

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import bridge
from bridge.models import Endpoint
from tests.processes import HERE
from tests.services.discord.bot.stage import Stage, db
from tests.web.browser import Browser

PACKAGE = Path(bridge.__file__).parent
ROW = re.compile(r"^\| \d+ \| `([\w/.]+)` \|", re.MULTILINE)


class Trace:
    """The files of `bridge` in which a function was called."""

    def __init__(self) -> None:
        self.files: set[str] = set()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(str(PACKAGE)):
            self.files.add(str(Path(path).relative_to(PACKAGE)))


@pytest.fixture
def trace() -> Iterator[Trace]:
    """Of this thread, and of those that are started from now on."""
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    yield trace
    sys.setprofile(None)
    threading.setprofile(None)  # type: ignore[arg-type]


def walk() -> tuple[list[str], list[str]]:
    """To Discord, and back."""
    text = (HERE / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("\n## A message to Discord and back\n")[2].partition("\n## ")[0]
    there, _, back = section.partition("\n### Back\n")
    return ROW.findall(there), ROW.findall(back)


def test_it_is_short_and_names_no_file_twice() -> None:
    there, back = walk()
    assert 0 < len(there) <= 18
    assert 0 < len(back) <= 12
    assert sorted(set(there) & set(back)) == ["chat/actions/storing.py"]
    assert len(set(there)) == len(there)
    assert len(set(back)) == len(back)


async def test_a_message_goes_through_all_of_them(trace: Trace, up: Stage) -> None:
    there, back = walk()
    browser = Browser()
    await browser.start(inbox="default")
    await browser.write("Hello")
    await up.delivered()
    thread = await db(lambda: Endpoint.objects.get(service="discord").remote_id)
    trace.files.clear()
    await browser.write("Are you there?")
    await up.delivered()
    assert set(there) <= trace.files
    trace.files.clear()
    await up.sandbox.post_as("ada", thread, "Yes")
    await browser.event("message.posted", lambda event: event["payload"]["messages"][-1]["content"] == "Yes")
    assert set(back) <= trace.files
    await browser.leave()
