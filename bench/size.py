"""Reading at ten thousand and at a million messages: it must not matter how many there are."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.servers import Bench
from tests.processes import HERE

TIMES = 40
ROUNDS = 3


def compare(few: Bench, many: Bench, *, messages: int) -> dict[str, tuple[float, float]]:
    """Milliseconds of each way of reading at both sizes: the best of rounds that take turns."""
    _run(few, "seed", "10000")
    _run(many, "seed", str(messages))
    rounds = [(json.loads(_run(few, "read")), json.loads(_run(many, "read"))) for _ in range(ROUNDS)]
    ways = rounds[0][0]
    return {way: (min(a[way] for a, _ in rounds), min(b[way] for _, b in rounds)) for way in ways}


def _run(bench: Bench, *arguments: str) -> str:
    """In a process that has this site's settings."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.size", *arguments],
        cwd=HERE,
        env=bench.env,
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode != 0:
        raise SystemExit(f"reading failed:\n{done.stderr}")
    return done.stdout.splitlines()[-1] if done.stdout else ""


def read() -> dict[str, float]:
    """The median of each way, over many conversations of the same length."""
    from django.contrib.auth.models import User
    from django.test import Client

    from bridge.chat import history
    from bridge.chat.speaking import Target
    from bridge.models import Connection, Participant

    readers = []
    for row in Connection.objects.order_by("uid")[:TIMES]:
        visitor = Participant.objects.get(connection=row, role="visitor")
        readers.append((Target.of(row, visitor), row.revision))
    user = User.objects.filter(username="bench").first() or User.objects.create_superuser("bench")
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(user)

    def admin(_: Any) -> None:
        response = client.get("/admin/bridge/message/")
        assert response.status_code == 200, response.status_code

    return {
        "history.page": _median(readers, lambda each: history.page(each[0], before=each[1])),
        "connection.sync": _median(readers, lambda each: history.sync(each[0], since=each[1] - 50)),
        "admin message list": _median(readers[:15], admin),
    }


def _median(readers: list[Any], act: Callable[[Any], Any]) -> float:
    taken = []
    for reader in readers:
        # Once for the caches of the database and of Python.
        act(reader)
        start = time.perf_counter()
        act(reader)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1000


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    import django

    django.setup()
    if sys.argv[1] == "seed":
        from tests.seeding import seed

        seed(messages=int(sys.argv[2]))
    else:
        print(json.dumps(read()))
