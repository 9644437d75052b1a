"""`manage.py run_discord_bot` as a process: what it says, how it ends, who takes over."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from bridge.sandbox import defaults
from bridge.sandbox.client import POSTS
from tests.processes import HERE, Process, Site, fetch, free_ports, lease_is_over, until

pytestmark = pytest.mark.processes

SUPPORT = str(defaults.SUPPORT_CHANNEL_ID)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One sandbox and one database for all tests here."""
    with Site(tmp_path_factory.mktemp("site")) as site:
        site.sandbox.start()
        yield site


@pytest.fixture(autouse=True)
def _no_bot_stays(site: Site) -> Iterator[None]:
    yield
    site.bot.stop()
    if not site.sandbox.alive:
        site.sandbox.start()
    control(site, "settings", intents_allowed=["message_content", "members", "presences"])


def control(site: Site, act: str, **body: Any) -> Any:
    request = urllib.request.Request(
        f"{site.sandbox_url}/sandbox/{act}", orjson.dumps(body), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return orjson.loads(answer.read())


def world(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(fetch(f"{site.sandbox_url}/sandbox/world") or b"{}")
    return found


def said(site: Site, channel: str) -> list[str]:
    messages = orjson.loads(fetch(f"{site.sandbox_url}/sandbox/channels/{channel}/messages") or b"[]")
    return [each["content"] for each in messages if each["type"] == 0 and not each["deleted"]]


def say(site: Site, text: str, *, visitor: int = 1) -> None:
    """A visitor's message, stored as the web stores it."""
    code = (
        "import uuid; from bridge.chat import actions; from bridge.models import Inbox;"
        f"opening = actions.Opening(Inbox.objects.get(name='default').pk, uuid.UUID(int={visitor}), 'Visitor');"
        f"actions.post_messages([actions.Post(content={text!r}, opening=opening)])"
    )
    site.manage("shell", "-v", "0", "-c", code)


class Mistake(NamedTuple):
    """What is wrong, and what the bot has to say of it."""

    environment: dict[str, str]
    sentence: str


FORUM = str(defaults.FORUM_CHANNEL_ID)
MISTAKES = {
    "a wrong token": Mistake(
        {"DISCORD_TOKEN": defaults.TOKEN[:-3] + "xyz"}, "Discord refused the token: copy it"
    ),
    "no channel": Mistake(
        {"DISCORD_CHANNEL_ID": ""}, "No inbox has a Discord channel: set DISCORD_CHANNEL_ID"
    ),
    "a channel that is not there": Mistake(
        {"DISCORD_CHANNEL_ID": "1180000000000000999"},
        "The inbox “default” is on hold: The bot cannot see the channel 1180000000000000999: check the ID",
    ),
    "a missing permission": Mistake(
        {"DISCORD_CHANNEL_ID": FORUM}, "In #tickets the bot lacks: Send Messages in Threads. Grant its role"
    ),
}


def start(site: Site, folder: Path, **environment: str) -> "subprocess.Popen[str]":
    """A bot with a copy of the database, so that it waits for no other's lease."""
    folder.mkdir()
    shutil.copy(site.folder / "db.sqlite3", folder)
    nobody = {"VAR_DIR": str(folder), "REDIS_URL": "redis://127.0.0.1:1"}
    with (folder / "stderr").open("w") as printed:
        return subprocess.Popen(
            [sys.executable, "manage.py", "run_discord_bot"],
            cwd=HERE,
            env={**site.env, **nobody, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=printed,
            text=True,
        )


def says(bot: "subprocess.Popen[str]", printed: Path, sentence: str) -> None:
    """In one line, and goes on: a person can mend it meanwhile, and whoever starts it anew would only burn sessions."""
    until(lambda: sentence in printed.read_text(encoding="utf-8"), sentence)
    assert bot.poll() is None
    bot.terminate()
    assert bot.wait(60) == 0
    assert "Traceback" not in printed.read_text(encoding="utf-8")


# ------------------------------------------------- one sentence, and no process that is started again and again


@pytest.fixture(scope="module")
def mistaken(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, "subprocess.Popen[str]"]]]:
    """One bot for each mistake, side by side."""
    control(site, "permit", channel=FORUM, permission="send_messages_in_threads", allowed=False)
    folder = tmp_path_factory.mktemp("mistakes")
    bots = {name: start(site, folder / name, **mistake.environment) for name, mistake in MISTAKES.items()}
    yield folder, bots
    for bot in bots.values():
        bot.kill()
        bot.wait()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_that_says_what_to_do(
    name: str, mistaken: tuple[Path, dict[str, "subprocess.Popen[str]"]]
) -> None:
    folder, bots = mistaken
    says(bots[name], folder / name / "stderr", MISTAKES[name].sentence)


def test_without_a_token_it_does_not_start(site: Site, tmp_path: Path) -> None:
    bot = start(site, tmp_path / "none", DISCORD_TOKEN="")
    assert bot.wait(100) == 1
    printed = (tmp_path / "none" / "stderr").read_text(encoding="utf-8")
    assert "CommandError: DISCORD_TOKEN is not set: put the bot's token into" in printed
    assert "Traceback" not in printed


def test_a_missing_intent_says_where_to_switch_it_on(site: Site, tmp_path: Path) -> None:
    control(site, "settings", intents_allowed=[])
    bot = start(site, tmp_path / "intent")
    sentence = "turn on “Message Content Intent” in the developer portal"
    says(bot, tmp_path / "intent" / "stderr", sentence)


# ------------------------------------------------------------- starting, ending


def test_it_delivers_and_ends_on_sigterm(site: Site) -> None:
    say(site, "Hello")
    site.bot.start()
    thread = until(
        lambda: next((each["id"] for each in world(site)["channels"] if each["parent_id"]), None), "a thread"
    )
    until(lambda: said(site, thread) == ["Hello"], "the message")
    assert site.bot.stop() == 0
    assert "Traceback" not in site.bot.tail()


def test_sigterm_finishes_the_delivery_in_hand(site: Site) -> None:
    site.bot.start()
    counts = orjson.loads(fetch(f"{site.sandbox_url}/sandbox/counts") or b"{}").get(POSTS, 0)
    control(site, "faults", fault="delay", route=POSTS, when="after", seconds=1.0, times=1)
    say(site, "In hand")
    fetch(f"{site.sandbox_url}/sandbox/counts?route={POSTS.replace(' ', '%20')}&count={counts + 1}&wait=20")
    assert site.bot.stop() == 0
    with closing(sqlite3.connect(site.folder / "db.sqlite3")) as database:
        unknown = database.execute(
            "SELECT count(*) FROM bridge_remotemessage WHERE remote_id IS NULL"
        ).fetchone()
    assert unknown == (0,)


def test_discord_that_cannot_be_reached_is_waited_for(site: Site) -> None:
    site.sandbox.stop()
    site.bot.start(wait=False)
    until(lambda: "Discord cannot be reached" in site.bot.tail(), "it says so")
    site.sandbox.start()
    site.bot.wait_until_ready()


def test_a_database_that_does_not_answer_is_waited_for(site: Site) -> None:
    with closing(sqlite3.connect(site.folder / "db.sqlite3", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        site.bot.start(wait=False)
        until(lambda: "The database does not answer" in site.bot.tail(), "it says so")
        database.execute("ROLLBACK")
        site.bot.wait_until_ready()


def test_it_starts_the_sandbox_and_takes_it_along(site: Site, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    env = {
        **site.env,
        "DISCORD_TOKEN": "",
        "DISCORD_CHANNEL_ID": "1180000000000000999",
        "VAR_DIR": str(tmp_path),
    }
    env.update(DATABASE_URL=f"sqlite:///{site.folder}/db.sqlite3")
    address = f"http://127.0.0.1:{port}/sandbox/world"

    def connected() -> bool:
        found = fetch(address)
        return found is not None and orjson.loads(found)["gateway"]["connected"] == 1

    command = ["manage.py", "run_discord_bot", "--sandbox", "--sandbox-port", str(port)]
    bot = Process("own sandbox", command, env=env, log=tmp_path / "bot.log", ready=connected)
    bot.start()
    assert bot.stop() == 0
    assert fetch(address) is None


# ------------------------------------------------------------------- the lease


def second(site: Site, ready: Callable[[], bool]) -> Process:
    return Process(
        "second", ["manage.py", "run_discord_bot"], env=site.env, log=site.folder / "second.log", ready=ready
    )


def is_released(site: Site) -> bool:
    with closing(sqlite3.connect(site.folder / "db.sqlite3", timeout=60)) as database:
        (over,) = database.execute("SELECT expires_at < datetime('now') FROM bridge_lease").fetchone()
    return bool(over)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_second_bot_waits_and_takes_over(site: Site, number: signal.Signals) -> None:
    site.bot.start()
    waiting = second(site, lambda: "Waiting for the gateway" in waiting.tail())
    waiting.log.unlink(missing_ok=True)
    waiting.start()
    try:
        identified = world(site)["gateway"]["identifies"]
        assert world(site)["gateway"]["connected"] == 1
        # Asleep, so that the lease is seen as the first left it.
        waiting.pause()
        if number == signal.SIGTERM:
            assert site.bot.stop() == 0
            assert is_released(site)
        else:
            site.bot.kill()
            lease_is_over(site.folder)
        waiting.resume()
        until(lambda: world(site)["gateway"]["identifies"] == identified + 1, "it takes over")
    finally:
        waiting.resume()
        waiting.stop()
