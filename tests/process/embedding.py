"""Somebody who follows docs/embedding.md word for word, in a folder of his own, and then chats with his team.

He has a working copy of ChatBridge beside him and an environment of his own, in which `bridge` is what pip built and
installed. What the app runs on he finds installed already, so that it takes seconds and no network.
"""

import asyncio
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.sandbox.client import SandboxClient
from tests.processes import HERE, HOST, NotReady, fetch, free_ports, until
from tests.snippets.reading import Snippet, snippets
from tests.visitor import Visitor

PAGE = HERE / "docs/embedding.md"
WEB, BOT = "python manage.py runserver", "python manage.py run_discord_bot --sandbox"
LATER = "\n## With the real Discord\n"
"""Where the page goes on for who has a site that runs."""


ADMIN = """
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from bridge.models import Connection, Message
client = Client(headers={"host": "localhost"})
client.force_login(get_user_model().objects.create_superuser("root"))
asked = Message.objects.get(content="Do you have green tea?").connection_id
for name, place in {"connection_changelist": [], "inbox_changelist": [], "connection_change": [asked]}.items():
    page = client.get(reverse(f"admin:bridge_{name}", args=place))
    assert page.status_code == 200, (name, page)
print(page.content.decode())
"""


class Reader:
    """Runs what is a block of commands, writes what is a file, starts what is a server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.web_port, self.sandbox_port = free_ports(2)
        self.url, self.sandbox_url = f"http://{HOST}:{self.web_port}", f"http://{HOST}:{self.sandbox_port}"
        self._arguments = {WEB: str(self.web_port), BOT: f"--sandbox-port {self.sandbox_port}"}
        self._place = folder
        (folder / "chatbridge").symlink_to(HERE)

    @property
    def _env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        return {
            **kept,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(
                dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
            ),
            "PYTHONUNBUFFERED": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            # pip reads this the wrong way round: do not fetch what builds the package, it is here.
            "PIP_NO_BUILD_ISOLATION": "0",
        }

    def follow(self, step: Snippet) -> None:
        """One block of the page; a server is left to `serving`."""
        if step.file:
            self._write(step)
        elif step.text.strip() not in self._arguments:
            self.run(step.text)

    def _write(self, step: Snippet) -> None:
        first, _, rest = step.text.partition("\n")
        with (self._place / step.file).open("a" if "at the end" in first else "w", encoding="utf-8") as file:
            file.write(f"\n{rest}" if "at the end" in first else rest)

    def run(self, commands: str) -> str:
        """In the shell in which the last ones ran, so to speak. Returns what they printed."""
        done = subprocess.run(
            [
                "bash",
                "-c",
                f"{self._restored}\n{commands}\npwd > {self._state}.place; export -p > {self._state}",
            ],
            cwd=self._place,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        self._place = Path(Path(f"{self._state}.place").read_text().strip())
        return done.stdout

    @property
    def _state(self) -> Path:
        return self.folder / "shell"

    @property
    def _restored(self) -> str:
        return f"set -e; [ ! -f {self._state} ] || . {self._state}"

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Web and bot, as the page starts them but for their ports."""
        started = [self._start(command, more) for command, more in self._arguments.items()]
        try:
            yield
        finally:
            # Not SIGINT: whatever a shell starts in the background is deaf to it.
            for process in started:
                os.killpg(process.pid, signal.SIGTERM)
            for process in started:
                _ended(process)

    def _start(self, command: str, more: str) -> "subprocess.Popen[bytes]":
        with self._log(command).open("ab") as log:
            return subprocess.Popen(
                ["bash", "-c", f"{self._restored}; exec {command} {more}"],
                cwd=self._place,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _log(self, command: str) -> Path:
        return self.folder / f"{command.split()[2]}.log"

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


def _ended(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


async def followed(folder: Path) -> str:
    """docs/embedding.md in a fresh project."""
    reader = Reader(folder)
    at_first, later = _steps()
    assert any(step.text.strip() == WEB for step in at_first)
    assert any(step.text.strip() == BOT for step in at_first)
    for step in at_first:
        await asyncio.to_thread(reader.follow, step)
    site_packages = folder / "mysite/.venv/lib"
    told = await asyncio.to_thread(reader.run, "python -c 'import bridge; print(bridge.__file__)'")
    assert Path(told.strip()).is_relative_to(site_packages), f"bridge is {told}, not what was installed"
    await asyncio.to_thread(reader.run, "python manage.py makemigrations --check --dry-run")
    await _chat(reader, "Do you have green tea?", "We do")
    listed = await asyncio.to_thread(reader.run, f"python manage.py shell -c '{ADMIN}'")
    assert "Do you have green tea?" in listed, "the admin does not show what was said"
    for step in later:
        await asyncio.to_thread(reader.follow, step)
    await asyncio.to_thread(reader.run, "python manage.py check")
    await _chat(reader, "And black tea?", "That, too")
    return f"{len(at_first) + len(later)} blocks of {PAGE.name} followed, two conversations held"


def _steps() -> tuple[list[Snippet], list[Snippet]]:
    text = PAGE.read_text(encoding="utf-8")
    line = text[: text.index(LATER)].count("\n")
    steps = list(snippets(PAGE))
    return [step for step in steps if step.line < line], [step for step in steps if step.line > line]


async def _chat(reader: Reader, question: str, answer: str) -> None:
    try:
        with reader.serving():
            await asyncio.to_thread(_look_around, reader)
            await _talk(reader, question, answer)
    except (AssertionError, TimeoutError) as error:
        raise NotReady(f"{error!r}\n{reader.logs()}") from error


def _look_around(reader: Reader) -> None:
    home = until(lambda: fetch(f"{reader.url}/"), "the home page")
    assert b"<chatbridge-widget" in home
    assert b"/chat/?inbox=default&amp;embedded=1" in home
    for path, part in {
        "/chat/": b"data-chat",
        "/static/bridge/widget.js": b"chatbridge-widget",
        "/static/bridge/chat.css": b"color-scheme",
        "/static/vendor/discord-markdown/discord-markdown.js": b"export",
        "/admin/login/": b"Django",
    }.items():
        assert part in (fetch(f"{reader.url}{path}") or b""), f"{path} is not there"


async def _talk(reader: Reader, question: str, answer: str) -> None:
    """A visitor asks, staff answer in Discord, the answer is on his page; a stranger sees nothing of it."""
    async with (
        Visitor(reader.url) as visitor,
        Visitor(reader.url) as stranger,
        SandboxClient(reader.sandbox_url) as sandbox,
    ):
        await visitor.say(question)
        thread = await asyncio.wait_for(_thread_with(sandbox, question), 60)
        await sandbox.post_as("ada", thread, answer)
        await visitor.until(lambda: [each["content"] for each in visitor.messages()] == [question, answer])
        await stranger.say("Is anybody there?")
        assert [each["content"] for each in stranger.messages()] == ["Is anybody there?"]


async def _thread_with(sandbox: SandboxClient, text: str) -> str:
    while True:
        try:
            for thread in await sandbox.threads():
                if any(each["content"] == text for each in await sandbox.messages(thread["id"])):
                    return str(thread["id"])
        except OSError:
            pass  # it is about to start
        await asyncio.sleep(0.1)
