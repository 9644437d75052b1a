"""manage.py chat as people meet it: in a terminal of its own, on a real server, and in a pipe."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import HERE, Site

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

PATIENCE = 60.0
CTRL_C, CTRL_D, TAB = "\x03", "\x04", "\t"
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38)(?:;\d+)*m")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site"), DJANGO_SETTINGS_MODULE="tests.web.unlimited") as made:
        made.web.start()
        yield made


class Window:
    """A terminal with `manage.py chat` in it, and somebody at its keyboard."""

    def __init__(self, site: Site, *arguments: str, **environment: str) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self.raw = ""
        # It asks where the cursor is; nobody answers here.
        env = {**site.env, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", **environment}
        command = [sys.executable, "manage.py", "chat", *arguments]
        self.process = subprocess.Popen(
            command, cwd=HERE, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )

    @property
    def seen(self) -> str:
        """Without what moves the cursor and colours."""
        return SEQUENCE.sub("", self.raw)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, text: str, *, after: int = 0) -> str:
        """What was written since `after`, once `text` is in it."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen[after:]:
            assert time.monotonic() < end, f"{text!r} is not in {self.seen[after:]!r}"
            self._read()
        return self.seen[after:]

    def _read(self) -> None:
        if select.select([self._master], [], [], 0.1)[0]:
            with contextlib.suppress(OSError):
                self.raw += os.read(self._master, 65536).decode(errors="replace")

    def left(self, key: str = "") -> int:
        """Its exit code, with all that it still had to say. `key` is pressed until it leaves: while a line is shown
        the terminal itself takes what is typed, and Ctrl-D is lost on it."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end, self.seen
            with contextlib.suppress(OSError):
                self.type(key)
            self._read()
        self._read()
        return self.process.returncode

    def restored(self) -> bool:
        return termios.tcgetattr(self._slave) == self.before

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def windows() -> Iterator[list[Window]]:
    made: list[Window] = []
    yield made
    for each in made:
        each.close()


def visitor(site: Site, windows: list[Window], *arguments: str, **environment: str) -> Window:
    windows.append(Window(site, "--url", site.url, "--new", *arguments, **environment))
    windows[-1].until("/help lists the commands")
    return windows[-1]


def piped(site: Site, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "chat", *arguments]
    return subprocess.run(
        command,
        cwd=HERE,
        env=site.env,
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_lines_go_in_and_lines_come_out_of_a_pipe(site: Site) -> None:
    done = piped(site, "from a pipe\n//escaped\n", "--url", site.url, "--nick", "Piper", "--new")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^\d\d:\d\d       Piper: from a pipe$", done.stdout, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d       Piper: /escaped$", done.stdout, re.MULTILINE)
    assert "\x1b" not in done.stdout


def test_an_inbox_that_checks_who_writes_takes_lines_from_a_terminal(site: Site) -> None:
    make = "from bridge.models import Inbox; Inbox.objects.create(name='checked', proof='on')"
    site.manage("shell", "-c", make)
    done = piped(site, "from a pipe\nand more\n", "--url", site.url, "--inbox", "checked", "--nick", "Piper")
    assert done.stdout.count("one moment…") == 1
    assert re.findall(r"Piper: (.*)", done.stdout) == ["from a pipe", "and more"]


def test_a_chat_that_refuses_the_visitor_says_so_and_stores_nothing(site: Site) -> None:
    done = piped(site, "hello\n/rooms\n", "--url", site.url, "--inbox", "elsewhere", "--new")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^Not sent: \w", done.stdout, re.MULTILINE)
    assert "There is no connection right now." in done.stdout


def test_a_reader_that_has_gone_is_no_error(site: Site) -> None:
    command = [sys.executable, "manage.py", "chat", "--url", site.url, "--new"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, cwd=HERE, env=site.env, text=True, **pipes) as process:
        reads, writes, errors = process.stdout, process.stdin, process.stderr
        assert reads
        assert writes
        assert errors
        reads.readline()
        reads.close()
        writes.write("/help\n/help\n")
        writes.close()
        assert errors.read() == ""
        assert process.wait(PATIENCE) == 0


def test_the_same_visitor_comes_again_unless_told_to_be_new(site: Site) -> None:
    piped(site, "I shall return\n", "--url", site.url)
    assert "I shall return" in piped(site, "/more\n", "--url", site.url).stdout
    assert "I shall return" not in piped(site, "/more\n", "--url", site.url, "--new").stdout
    kept = list((Path(site.env["VAR_DIR"]) / "chat").iterdir())
    assert kept
    assert not any(each.stat().st_mode & 0o077 for each in kept)


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_a_key_leaves_and_the_terminal_is_as_it_was(site: Site, windows: list[Window], key: str) -> None:
    window = visitor(site, windows)
    assert window.left(key) == 0
    assert window.restored()
    assert "Traceback" not in window.seen


def test_a_signal_leaves_as_cleanly(site: Site, windows: list[Window]) -> None:
    window = visitor(site, windows)
    window.process.send_signal(signal.SIGTERM)
    assert window.left() == 0
    assert window.restored()
    assert "Traceback" not in window.seen


def test_what_comes_in_does_not_tear_what_is_being_written(site: Site, windows: list[Window]) -> None:
    window = visitor(site, windows, "--nick", "Vera")
    window.type("hello, team\r")
    window.until("Vera: hello, team")
    window.type("half a sent")
    window.until("half a sent")
    at = len(window.seen)
    answer(site, "hello, team", "Good morning, Vera")
    after = window.until("Good morning, Vera", after=at)
    # The line that is being written is drawn again below, whole.
    after = window.until("half a sent", after=at)
    assert after.rindex("half a sent") > after.index("Good morning, Vera")
    window.type("ence\r")
    window.until("Vera: half a sentence")


def answer(site: Site, asked: str, text: str) -> str:
    """Staff say this in the conversation in which that was asked. Returns the code of the conversation."""
    script = ANSWER.format(asked=asked, text=text)
    return site.manage("shell", "-v", "0", "-c", script).split()[-1]


ANSWER = """
from bridge import api
from bridge.models import Message
row = Message.objects.select_related("connection").get(content={asked!r}).connection
api.Connection(row).send({text!r}, author="Robin", staff=True, service="desk")
print(row.uid.hex[:8])
"""


def test_without_colours_where_nobody_wants_them(site: Site, windows: list[Window]) -> None:
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        window = visitor(site, windows, **environment)
        window.type("in colour?\r")
        window.until(": in colour?")
        window.type("/help\r")
        window.until("exit, like Ctrl-C")
        assert window.left(CTRL_D) == 0
        assert bool(COLOUR.search(window.raw)) is coloured


def test_words_are_completed(site: Site, windows: list[Window]) -> None:
    window = visitor(site, windows)
    window.type("/mem" + TAB)
    window.until("/members")
    window.type("\r")
    window.until("Only you and the team can read this.")


def test_what_is_written_while_the_server_is_away_is_sent_when_it_is_back(
    site: Site, windows: list[Window]
) -> None:
    window = visitor(site, windows, "--nick", "Paula")
    window.type("before\r")
    window.until("Paula: before")
    site.web.kill()
    window.until("Connection lost.")
    window.type("meanwhile\r")
    site.web.start()
    window.until("Connected again.")
    window.until("Paula: meanwhile")
    count = "from bridge.models import Message; print(Message.objects.filter(content='meanwhile').count())"
    assert site.manage("shell", "-v", "0", "-c", count).split() == ["1"]


def test_rooms_that_are_still_open_are_entered_again_after_a_reconnect(
    site: Site, windows: list[Window]
) -> None:
    for slug in ("pier", "harbour"):
        site.manage("shell", "-c", ROOM.format(slug=slug, name=f"The {slug}"))
    window = visitor(site, windows)
    for slug in ("pier", "harbour"):
        window.type(f"/join {slug}\r")
        window.until(f"--- The {slug}")
    site.web.kill()
    window.until("Connection lost.")
    window.type("still here\r")
    site.manage("shell", "-c", CLOSE_THE_PIER)
    site.web.start()
    window.until("Connected again.")
    after = window.until("still here", after=window.seen.index("Connected again."))
    assert "#pier: " in after
    count = "from bridge.models import Message; print(*Message.objects.values_list('connection__slug', 'content'))"
    assert "('harbour', 'still here')" in site.manage("shell", "-v", "0", "-c", count)


CLOSE_THE_PIER = """
from bridge.models import Connection
Connection.objects.filter(slug="pier").update(state="closed")
"""


def test_a_late_answer_is_told_read_and_gone_on_with(site: Site, windows: list[Window]) -> None:
    window, stranger = (visitor(site, windows, "--nick", name) for name in ("Lea", "Eve"))
    window.type("where is my parcel?\r")
    window.until("Lea: where is my parcel?")
    window.type("/close\r")
    window.until("It has ended.")
    window.type("something else\r")
    window.until("Lea: something else")
    code = answer(site, "where is my parcel?", "it comes tomorrow")
    window.until(f"There is an answer in an earlier conversation: /read {code}")
    window.type("/list\r")
    window.until("(ended, 1 unread)")
    window.type(f"/read {code}\r")
    window.until("it comes tomorrow")
    window.type("/close\r")
    window.until("It has ended.", after=window.seen.index("something else"))
    window.type(f"/reopen {code}\r")
    window.until("This conversation was reopened.")
    assert "it comes tomorrow" not in stranger.seen
    assert code not in stranger.seen


def test_two_visitors_in_a_room_and_a_stranger_who_is_not(site: Site, windows: list[Window]) -> None:
    site.manage("shell", "-c", ROOM.format(slug="lobby", name="The lobby"))
    ada, bob, stranger = (visitor(site, windows, "--nick", name) for name in ("Ada", "Bob", "Eve"))
    for window, name in ((ada, "Ada"), (bob, "Bob")):
        window.type("/join lobby\r")
        window.until("The lobby")
        window.type(f"/nick {name}\r")
        window.until(f"You are {name}.")
    ada.type("good day\r")
    bob.until("Ada: good day")
    bob.type("/members\r")
    bob.until("2 here: Ada, Bob")
    ada.type("/leave\r")
    ada.type("/members\r")
    ada.until("Only you and the team can read this.")
    assert "good day" not in stranger.seen


ROOM = """
from bridge.models import Connection, Inbox
Connection.objects.create(
    inbox=Inbox.objects.get(name="default"), kind="room", slug={slug!r}, name={name!r}, topic="Talk"
)
"""


def test_hostile_words_do_nothing_to_the_terminal(site: Site) -> None:
    piped(site, "a hostile page\n", "--url", site.url)
    site.manage("shell", "-c", HOSTILE)
    seen = piped(site, "/more\n", "--url", site.url).stdout
    assert "\\x1b]0;owned\\x07" in seen
    assert not set(seen) & {"\x1b", "\x07", "\x9b"}


HOSTILE = r"""
from bridge.models import Message
Message.objects.filter(content="a hostile page").update(content="\x1b]0;owned\x07\x9b2J")
"""
