"""`python -m bench.fuzz --count 100000 --seconds 600 --seed 1`: a site of its own, on loopback, under run_web.

Ends with code 1 where a request was answered with 500, a command with `internal`, the server's log has a traceback,
or the server died. Prints its seed, what was answered how often, and the server's memory over time.
"""

import argparse
import asyncio
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.fuzz.settings")
os.environ.setdefault("SECRET_KEY", "for fuzzing only, " + "x" * 50)
os.environ.setdefault("VAR_DIR", tempfile.mkdtemp(prefix="chatbridge-fuzz-"))

import django
import h11

django.setup()

from bench.fuzz.hostile import Hostile  # noqa: E402
from bench.fuzz.requests import Keys, Requests  # noqa: E402
from bench.fuzz.sockets import PATIENCE, Tab  # noqa: E402
from bench.servers import resident  # noqa: E402
from tests.processes import HOST, Site, answers  # noqa: E402

CLIENTS = 16
LOOKS = 25
FRAMES_FOR_ONE = 10
"""A request costs about as much as so many frames."""
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
PREPARE = """
import json
from datetime import timedelta
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from bridge.identity import staff_tokens
from bridge.chat.actions.rooms import save_room
from bridge.models import Connection, Inbox, Webhook
inbox = Inbox.objects.get(name="default")
room = Connection(kind="room", inbox=inbox, slug="lobby", name="Lobby")
save_room(room, endpoints={"discord": "1180000000000000099"}, is_open=True)
webhook = Webhook.objects.create(inbox=inbox, name="fuzz", url="https://fuzz.invalid/")
user = get_user_model().objects.create_superuser("admin", password="fuzzed-password")
session = SessionStore()
session["_auth_user_id"], session["_auth_user_backend"] = str(user.pk), "django.contrib.auth.backends.ModelBackend"
session["_auth_user_hash"] = user.get_session_auth_hash()
session.create()
print("KEYS" + json.dumps({"staff": staff_tokens.issue(user, lasts=timedelta(days=2)), "webhook": str(webhook.uid),
      "webhook_secret": webhook.secret, "login": session.session_key}))
"""


class Fuzzing:
    """So many frames and requests against one site, by several clients."""

    def __init__(self, site: Site, keys: Keys, *, seed: int, count: int, seconds: float) -> None:
        self.site, self.keys, self.seed, self.left = site, keys, seed, count
        self.count, self.end = count, time.monotonic() + seconds
        self.counts: Counter[str] = Counter()
        self.memory: list[tuple[int, float]] = []
        self.failures: list[str] = []

    @property
    def is_over(self) -> bool:
        return self.left <= 0 or time.monotonic() > self.end or bool(self.failures)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            for number in range(CLIENTS):
                group.create_task(self._client(Hostile(random.Random(f"{self.seed}.{number}"))))

    async def _client(self, hostile: Hostile) -> None:
        requests = Requests(hostile, self.keys)
        while not self.is_over:
            tab = Tab(hostile, self.counts, host=HOST, port=self.site.web_port)
            frames = await tab.run(hostile.chance.choice((20, 100, 400)))
            self.counts["sent frames"] += frames
            self.left -= frames
            for _ in range(frames // FRAMES_FOR_ONE + 1):
                if not self.is_over:
                    await self._request(requests.next())

    async def _request(self, data: bytes) -> None:
        self.left -= 1
        self.counts["sent requests"] += 1
        status, whole = "none", is_whole(data)
        try:
            async with asyncio.timeout(60):
                reader, writer = await asyncio.open_connection(HOST, self.site.web_port)
                try:
                    writer.write(data)
                    async with asyncio.timeout(PATIENCE if whole else PATIENCE / 10):
                        answer = await reader.read(200)
                    found = STATUS.match(answer)
                    status = found[1].decode() if found else "none"
                finally:
                    writer.transport.abort()
        except TimeoutError:
            status = "no answer" if whole else "asked for more"
        except OSError as error:
            status = type(error).__name__
        self.counts[f"http {status}"] += 1
        if status in {"500", "no answer"}:
            with (self.site.folder / f"http {status}.txt").open("ab") as kept:
                kept.write(data[:3000] + b"\n=====\n")

    async def _look(self) -> None:
        step, last = self.count // LOOKS, self.count + 1
        while not self.is_over:
            if not self.site.web.alive:
                self.failures.append("the server died")
            elif last - self.left >= step or last > self.count:
                last = self.left
                self.memory.append((self.count - self.left, resident(self.site.web.pid) / 2**20))
                print(f"{self.count - self.left:>9,} sent  {self.memory[-1][1]:6.0f} MiB", flush=True)
            await asyncio.sleep(0.5)


def is_whole(data: bytes) -> bool:
    """Whether a server has all of this request, or need not wait for the rest of it."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=64 * 1024)
    try:
        connection.receive_data(data)
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.EndOfMessage) or event is h11.PAUSED:
                return True
    except h11.RemoteProtocolError:
        return True
    return False


def keys_of(site: Site) -> Keys:
    printed = site.manage("shell", "-c", PREPARE)
    return Keys(host=f"{HOST}:{site.web_port}", **json.loads(printed.partition("KEYS")[2]))


EXPECTED = (
    "django.contrib.admin.exceptions.Disallowed",
    "django.core.exceptions.Disallowed",
    "django.core.exceptions.PermissionDenied",
    "django.http.request.",
)
"""What Django logs with its whole stack, and answers with 400 or 403."""


def tracebacks(log: Path) -> Counter[str]:
    """Where each came from and its last line, with how often it came."""
    found: Counter[str] = Counter()
    inside, place, last = False, "", ""
    with log.open(errors="replace") as lines:
        for line in lines:
            if line.startswith(("During handling of", "The above exception")):
                # The one before it was caught, and became another.
                found[last] -= 1
            elif line.startswith("Traceback"):
                inside = True
            elif inside and line.startswith("  File "):
                place = line.strip().removeprefix("File ")
            elif inside and line[:1] not in {" ", "\n"}:
                inside, last = False, f"{line.strip()[:200]} ({place})"
                found[last] += 1
    return Counter(
        {line: number for line, number in found.items() if number and not line.startswith(EXPECTED)}
    )


def report(fuzzing: Fuzzing, took: float) -> bool:
    """Whether all is well."""
    for name, number in sorted(fuzzing.counts.items()):
        print(f"  {name:<24}{number:>9,}")
    sent = fuzzing.count - fuzzing.left
    print(f"{sent:,} sent in {took:.0f} s by {CLIENTS} clients, seed {fuzzing.seed}")
    if fuzzing.memory:
        print("MiB over time:", " ".join(f"{each:.0f}" for _, each in fuzzing.memory))
    failed = [f"{number} times: {line}" for line, number in tracebacks(fuzzing.site.web.log).items()]
    failed += [
        f"{name}: {fuzzing.counts[name]}"
        for name in ("http 500", "http no answer", "reply internal")
        if fuzzing.counts[name]
    ]
    failed += fuzzing.failures
    print("\n".join(["", *failed]) if failed else "No 500, no `internal`, no traceback.")
    return not failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--folder", type=Path, help="keep the site and its logs here")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="chatbridge-fuzzed-") as temporary:
        folder = options.folder or Path(temporary)
        with Site(folder, DJANGO_SETTINGS_MODULE="bench.fuzz.settings") as site:
            command = ["manage.py", "run_web", "--port", str(site.web_port)]
            site.web = site._part("web", command, lambda: answers(f"{site.url}/"))
            site.parts = (site.web,)
            keys = keys_of(site)
            site.web.start()
            fuzzing = Fuzzing(site, keys, seed=options.seed, count=options.count, seconds=options.seconds)
            started = time.monotonic()
            asyncio.run(fuzzing.run())
            alive = answers(f"{site.url}/")
            well = report(fuzzing, time.monotonic() - started)
            if not alive:
                print("The server does not answer any more.")
            return 0 if well and alive else 1


if __name__ == "__main__":
    sys.exit(main())
