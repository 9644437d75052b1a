"""Starts its own servers on loopback, measures, prints a table, stops everything.

`python -m bench` runs all of it; `python -m bench b --visitors 50 --servers uvicorn` a part.
"""

import argparse
import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import bombs, memory, page, room, size, throughput, ways
from bench.servers import Bench
from bridge.sandbox.client import POSTS, SandboxClient
from tests import postgres
from tests.processes import Site

PARTS = {
    "b": "(a) plain Channels echo and (b) message.send to its acknowledgement",
    "services": "(b) with all services installed and none but Discord in use",
    "slow": "(b) while Discord answers after three seconds",
    "ways": "(c) page to Discord and (d) Discord to page",
    "room": "a message's way to all members of a room, and joining it",
    "memory": "an idle visitor",
    "bombs": "files that are made to be expensive, in the process that looks at them",
    "page": "5,000 messages in a browser: tasks of more than 50 ms",
    "size": "reading at ten thousand and a million messages",
}


def main() -> None:
    options = _options()
    parts = options.parts or list(PARTS)
    with tempfile.TemporaryDirectory(prefix="chatbridge-bench-") as folder, ExitStack() as stack:
        databases = {"SQLite": ""}
        if "postgresql" in options.databases:
            server = stack.enter_context(postgres.server())
            databases["PostgreSQL"] = stack.enter_context(postgres.database(server))
        for part in parts:
            print(f"\n{PARTS[part]}", flush=True)
            globals()[f"_{part}"](Path(folder), databases, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--visitors", type=int, nargs="+", default=[1, 50, 200])
    parser.add_argument("--servers", nargs="+", default=["uvicorn", "daphne"], choices=["uvicorn", "daphne"])
    parser.add_argument(
        "--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"]
    )
    parser.add_argument("--seconds", type=float, default=2, help="for each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of echo and chat in turn; the median counts")
    parser.add_argument("--sockets", type=int, default=5000, help="for the memory of idle visitors")
    parser.add_argument("--members", type=int, default=1000, help="of a room")
    parser.add_argument("--messages", type=int, default=1_000_000, help="for the time of reading")
    return parser.parse_args()


def _line(*columns: Any) -> None:
    widths = (12, 11, 9)
    texts = [f"{each:.3f}" if isinstance(each, float) else str(each) for each in columns]
    padded = (text.ljust(widths[at]) if at < 2 else text.rjust(widths[2]) for at, text in enumerate(texts))
    print("  ".join(padded), flush=True)


def _run(row: dict[str, Any]) -> list[Any]:
    return [round(row["per_second"]), row["p50"], row["p99"], row["cpu"]]


def _b(folder: Path, databases: dict[str, str], options: argparse.Namespace) -> None:
    _line("server", "database", "visitors", "what", "msgs/s", "p50 ms", "p99 ms", "CPU ms", "of (a)")
    for server in options.servers:
        for name, url in databases.items():
            if name == "PostgreSQL" and server == "daphne":
                continue
            with Bench(folder / f"{server}-{name}", server=server, database_url=url) as bench:
                bench.plain.start()
                bench.web.start()

                def report(row: dict[str, Any], name: str = name, server: str = server) -> None:
                    _line(server, name, row["visitors"], "(a)", *_run(row["echo"]), "")
                    _line(server, name, row["visitors"], "(b)", *_run(row["chat"]), row["ratio"])

                throughput.compare(
                    bench,
                    visitors=options.visitors if name == "SQLite" else [50],
                    seconds=options.seconds,
                    rounds=options.rounds,
                    report=report,
                )


def _services(folder: Path, databases: dict[str, str], options: argparse.Namespace) -> None:
    _line("server", "services", "visitors", "msgs/s", "p50 ms", "p99 ms", "CPU ms", "of one")
    for server in options.servers:
        alone = Bench(folder / f"alone-{server}", server=server, settings="bench.settings_alone")
        with alone, Bench(folder / f"all-{server}", server=server) as everything:
            alone.web.start()
            everything.web.start()
            one, all_of_them = throughput.in_turn(
                alone, everything, visitors=50, seconds=options.seconds, rounds=2 * options.rounds + 1
            )
        ratio = all_of_them["per_second"] / one["per_second"]
        _line(server, "Discord", 50, *_run(one), "")
        _line(server, "all", 50, *_run(all_of_them), ratio)


def _slow(folder: Path, databases: dict[str, str], options: argparse.Namespace) -> None:
    """With the bot at work behind it both times: what changes is only how long Discord takes.

    Four times as long as the others: the 99th percentile of two seconds is that of one stall of the disk.
    """
    slowest: dict[str, list[float]] = {"at once": [], "after 3 s": []}
    with Bench(folder / "slow") as bench:
        for part in (bench.sandbox, bench.web, bench.bot):
            part.start()
        _line("Discord", "", "visitors", "msgs/s", "p50 ms", "p99 ms", "CPU ms")
        for round_ in range(options.rounds):
            for name, seconds in (("at once", 0.0), ("after 3 s", 3.0)):
                asyncio.run(_delay(bench, seconds))
                row = throughput.client(
                    bench.chat_url, visitors=50, seconds=4 * options.seconds, pid=bench.web.pid
                )
                slowest[name].append(row["p99"])
                _line(name, f"round {round_ + 1}", 50, *_run(row))
    quick, slow = (sorted(each)[options.rounds // 2] for each in slowest.values())
    _line("p99", "of at once", "", "", "", slow / quick)


async def _delay(bench: Bench, seconds: float) -> None:
    async with SandboxClient(bench.sandbox_url) as sandbox:
        await sandbox.clear_faults()
        if seconds:
            await sandbox.fault("delay", route=POSTS, seconds=seconds, times=1_000_000)


def _ways(folder: Path, databases: dict[str, str], options: argparse.Namespace) -> None:
    _line("server", "way", "visitors", "msgs/s", "p50 ms", "p99 ms", "CPU ms")
    for server in options.servers:
        for visitors in options.visitors:
            with Bench(folder / f"ways-{server}-{visitors}", server=server) as bench:
                for part in (bench.sandbox, bench.web, bench.bot):
                    part.start()
                rows = asyncio.run(ways.both(bench, visitors=visitors, seconds=options.seconds))
            for way, row in rows.items():
                _line(server, f"({way})", visitors, *_run(row))


def _room(folder: Path, databases: dict[str, str], options: argparse.Namespace) -> None:
    """(a) is Channels' group_send. The way is that to the last of all members."""
    _line("members", "writers", "what", "msgs/s", "to each/s", "p50 ms", "p99 ms", "CPU ms", "of (a)")
    with Bench(folder / "room") as bench:
        bench.plain.start()
        bench.web.start()
        rows = room.spread(
            bench, members=options.members, writers=[1, 10], seconds=options.seconds, rounds=options.rounds
        )
    for writers, plain, ours in rows:
        for what, row in (("(a)", plain), ("ours", ours)):
            ratio = row["per_second"] / plain["per_second"]
            figures = [round(row["messages"], 1), round(row["per_second"])]
            _line(options.members, writers, what, *figures, row["p50"], row["p99"], row["cpu"], ratio)
    _line("joining", "", "few ms", "many ms", "times")
    with Bench(folder / "few") as few, Bench(folder / "many") as many:
        small, large = room.joining(few, many, messages=options.messages)
    _line("SQLite", "", small, large, large / small)


def _memory(folder: Path, databases: dict[str, str], options: argparse.Namespace) -> None:
    _line("server", "", "sockets", "plain KiB", "ours KiB", "of it")
    for server in options.servers:
        with Bench(folder / f"memory-{server}", server=server) as bench:
            bench.plain.start()
            bench.web.start()
            plain, ours = asyncio.run(memory.idle(bench, sockets=options.sockets))
            _line(server, "", options.sockets, plain, ours, ours / plain)


def _bombs(folder: Path, databases: dict[str, str], options: argparse.Namespace) -> None:
    _line("KiB", "MiB at most", "CPU s", "s", "file")
    for name, length, spent in bombs.costs():
        what = f"{name}: {'shown' if 'width' in spent.found else spent.found.get('refused', 'kept')}"
        _line(length // 1024, spent.memory // bombs.MIB, spent.cpu, spent.took, what)


def _page(folder: Path, databases: dict[str, str], options: argparse.Namespace) -> None:
    _line("processor", "", "> 50 ms", "ms", "CPU ms", "what")
    for slower in (1, 4):
        with Site(folder / f"page-{slower}") as site:
            found = page.run(site, slower=slower, rounds=options.rounds)
        name = "this one" if slower == 1 else f"a {slower}th of it"
        for phase in found.phases:
            _line(name, "", phase.tasks, phase.longest, phase.cpu, phase.name)
        _line(name, "", "", found.key, "", "from a key to what it shows, at most")
        _line(name, "", found.rows, "", "", "rows, at most")
        _line(name, "", "", found.early, "", f"for a page of history, {page.EARLY} loaded")
        _line(name, "", "", found.late, "", f"with {page.LATE}")
        _line(name, "", "", found.late / found.early, "", "times")


def _size(folder: Path, databases: dict[str, str], options: argparse.Namespace) -> None:
    _line("database", "", "few ms", "many ms", "times", "what")
    for name, url in databases.items():
        with ExitStack() as stack:
            urls = [url, url]
            if url:
                urls = [stack.enter_context(postgres.database(url)) for _ in range(2)]
            few, many = (
                stack.enter_context(Bench(folder / f"size-{name}-{at}", database_url=each))
                for at, each in enumerate(urls)
            )
            for what, (small, large) in size.compare(few, many, messages=options.messages).items():
                _line(name, "", small, large, large / small, what)


if __name__ == "__main__":
    main()
