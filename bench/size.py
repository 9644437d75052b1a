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

TIMES = 60


def measure(bench: Bench, *, messages: int) -> dict[str, float]:
    """Median milliseconds of each way of reading, in a process that has this site's settings."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.size", str(messages)],
        cwd=HERE,
        env=bench.env,
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode != 0:
        raise SystemExit(f"reading failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main(messages: int) -> dict[str, float]:
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.test import Client

    from bridge import history
    from bridge.history import Reader
    from bridge.models import Connection, Message, Participant
    from tests.seeding import seed

    have = Message.objects.count()
    # Conversations of the same length at both sizes.
    seed(messages=messages - have, connections=(messages - have) // 100)
    readers = []
    for row in Connection.objects.order_by("uid")[:TIMES]:
        visitor = Participant.objects.get(connection=row, role="visitor")
        readers.append((Reader(row.pk, str(row.uid), visitor.pk), row.revision))
    User.objects.filter(username="bench").delete()
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.create_superuser("bench"))

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
        start = time.perf_counter()
        act(reader)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1000


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    print(json.dumps(main(int(sys.argv[1]))))
