"""(a) and (b): a plain echo, and a message from `message.send` to its acknowledgement."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from bench.servers import Bench
from tests.processes import HERE

Row = dict[str, Any]


def client(url: str, *, visitors: int, seconds: float, pid: int) -> Row:
    """One run of the client program, in its own process."""
    arguments = ["-m", "bench.client", url, str(visitors), str(seconds), str(pid)]
    done = subprocess.run(
        [sys.executable, *arguments], cwd=HERE, capture_output=True, text=True, timeout=seconds + 120
    )
    if done.returncode != 0:
        raise SystemExit(f"the client failed:\n{done.stderr}")
    return dict(json.loads(done.stdout))


def compare(
    bench: Bench, *, visitors: list[int], seconds: float, rounds: int, report: Callable[[Row], None]
) -> list[Row]:
    """Echo and chat in turn, since other work on the machine comes and goes; the median round of each."""
    found = []
    for count in visitors:
        results: dict[str, list[Row]] = {"a": [], "b": []}
        for _ in range(rounds):
            for name, url, pid in (
                ("a", bench.echo_url, bench.plain.pid),
                ("b", bench.chat_url, bench.web.pid),
            ):
                results[name].append(client(url, visitors=count, seconds=seconds, pid=pid))
        pairs = list(zip(results["a"], results["b"], strict=True))
        echo, chat = sorted(pairs, key=lambda pair: pair[1]["per_second"] / pair[0]["per_second"])[
            len(pairs) // 2
        ]
        row = {"visitors": count, "echo": echo, "chat": chat}
        row["ratio"] = chat["per_second"] / echo["per_second"]
        report(row)
        found.append(row)
    return found


def in_turn(first: Bench, second: Bench, *, visitors: int, seconds: float, rounds: int) -> tuple[Row, Row]:
    """The chat of two sites in turn; the median round of each."""
    rows: tuple[list[Row], list[Row]] = ([], [])
    for _ in range(rounds):
        for bench, found in zip((first, second), rows, strict=True):
            found.append(client(bench.chat_url, visitors=visitors, seconds=seconds, pid=bench.web.pid))
    one, other = (sorted(found, key=lambda row: row["per_second"])[rounds // 2] for found in rows)
    return one, other
