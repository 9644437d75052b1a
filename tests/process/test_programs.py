"""Programs of other apps, each a process of its own: they end, and they are killed."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes import HERE, Site

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path / "site") as site:
        yield site


def start(site: Site, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", *arguments]
    return subprocess.Popen(command, cwd=HERE, env=site.env, stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> list[str]:
    """Once it has ended: its lines."""
    heard, _ = process.communicate(timeout=100)
    return heard.splitlines()


PROGRAM = """
import sys, uuid
import django; django.setup()
from django.db import transaction
from bridge.chat import actions
from bridge import signals
from bridge.models import Connection, Inbox, Message

def plain(message, **_):
    sys.stdout.write(f"sync {message.content}\\n")

async def asynchronous(message, **_):
    found = await Message.objects.aget(pk=message.pk)
    sys.stdout.write(f"async {found.content}\\n")

signals.message_posted.connect(plain)
signals.message_posted.connect(asynchronous)
opening = actions.Opening(Inbox.objects.get().pk, uuid.uuid4(), "Ada")
target = actions.Target.of(*actions.open_connection(opening))
actions.post_messages([actions.Post(target=target, content=str(number)) for number in range(50)])
"""


@pytest.mark.parametrize(
    ("ending", "kinds"), [("", ["sync"]), ("from bridge.chat import hooks; hooks.drain()", ["sync", "async"])]
)
def test_a_program_that_ends_sends_what_it_committed_first(site: Site, ending: str, kinds: list[str]) -> None:
    """Once it has ended Python starts no threads: async receivers have to be waited for before."""
    lines = said(start(site, PROGRAM + ending))
    for kind in kinds:
        assert [line for line in lines if line.startswith(kind)] == [
            f"{kind} {number}" for number in range(50)
        ]


WRITER = """
import django; django.setup()
from bridge import api
for number in range(4):
    connection = api.connection_for("telegram", number, alone=True)
    connection.add("mail", number)
    for word in range(8):
        connection.send(str(word), author="Alice")
"""
READER = """
import sys, time
import django; django.setup()
from bridge import api
for count, message in enumerate(api.messages("mail", follow=False, patience=600), start=1):
    sys.stdout.write(f"{message.remote_id} {message.content}\\n")
    sys.stdout.flush()
    if str(count) in sys.argv:
        time.sleep(1000)
"""


def test_nothing_is_lost_where_a_reader_is_killed(site: Site) -> None:
    """Three processes share a service; one of them is killed with a message in its hands."""
    assert said(start(site, WRITER)) == []
    victim = start(site, READER, "3")
    assert victim.stdout is not None
    lines = [victim.stdout.readline().strip() for _ in range(3)]
    others = [start(site, READER) for _ in range(2)]
    victim.kill()
    for reader in (victim, *others):
        lines += said(reader)
    assert len(lines) < 4 * 8
    # Ten minutes later what the dead one held is anybody's.
    with closing(sqlite3.connect(site.folder / "db.sqlite3", timeout=60)) as later, later:
        later.execute("UPDATE bridge_endpoint SET due = '2001-01-01 00:00:00' WHERE due IS NOT NULL")
    lines += said(start(site, READER))
    heard: dict[str, list[int]] = {}
    for line in dict.fromkeys(lines):
        place, word = line.split()
        heard.setdefault(place, []).append(int(word))
    assert heard == {str(place): list(range(8)) for place in range(4)}
    # What was in its hands came twice.
    assert len(lines) == 4 * 8 + 1
