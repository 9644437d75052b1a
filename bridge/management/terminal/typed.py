"""What somebody types: `/word rest` is for the program, everything else is said."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, Protocol

from bridge.management.terminal.terminal import Terminal
from bridge.management.terminal.text import note


class Typed(NamedTuple):
    """`rest` is for the function that `word` names; without a word it is said."""

    word: str
    rest: str


class Deed(NamedTuple):
    """What a word does, and what /help says of it."""

    do: Callable[[str], Awaitable[None]]
    usage: str
    meaning: str


class Side(Protocol):
    """Who sits at the terminal: staff or a visitor."""

    deeds: dict[str, Deed]

    @property
    def prompt(self) -> str:
        """What stands before the line that is written: where it goes."""

    async def ready(self) -> None:
        """Once something can be done, or that takes too long."""

    async def say(self, text: str) -> None: ...

    async def drained(self) -> None:
        """Once what was said is stored. There is nothing more to come."""

    def words(self) -> Iterable[str]:
        """Names that may be completed."""


def read(line: str) -> Typed:
    """Two slashes say one."""
    if not line.startswith("/") or line.startswith("//"):
        return Typed("", line.removeprefix("/") if line.startswith("//") else line)
    word, _, rest = line[1:].partition(" ")
    return Typed(word.lower() or "help", rest.strip())


def completions(side: Side, before: str) -> Iterable[str]:
    if " " not in before:
        yield from (f"/{word}" for word in [*side.deeds, "help", "quit"])
    yield from side.words()


async def converse(side: Side, terminal: Terminal) -> None:
    """Until somebody leaves. One can write on while something is done; it is done in the order of writing."""
    waiting: asyncio.Queue[Typed] = asyncio.Queue()
    doing = asyncio.create_task(_work(waiting, side, terminal))
    try:
        while (line := await _line(terminal, side, doing)) is not None:
            typed = read(line.strip())
            if typed.word in {"quit", "exit"}:
                break
            waiting.put_nowait(typed)
        await waiting.join()
        await side.drained()
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)


async def _line(terminal: Terminal, side: Side, doing: "asyncio.Task[None]") -> str | None:
    """The next one. Raises what went wrong while the ones before it were done."""
    reading = asyncio.create_task(terminal.read(lambda: side.prompt))
    try:
        await asyncio.wait({reading, doing}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
        return await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _work(waiting: "asyncio.Queue[Typed]", side: Side, terminal: Terminal) -> None:
    await side.ready()
    while True:
        typed = await waiting.get()
        await _do(typed, side, terminal)
        waiting.task_done()


async def _do(typed: Typed, side: Side, terminal: Terminal) -> None:
    if not typed.word:
        if typed.rest:
            await side.say(typed.rest)
    elif typed.word == "help":
        terminal.show(note(usage(side)))
    elif (deed := side.deeds.get(typed.word)) is not None:
        await deed.do(typed.rest)
    else:
        terminal.show(note(f"There is no /{typed.word}. /help lists the commands.", "class:wrong"))


def usage(side: Side) -> str:
    rows = [(deed.usage, deed.meaning) for deed in side.deeds.values()]
    rows += [("/help", "this list"), ("/quit", "exit, like Ctrl-C and Ctrl-D")]
    wide = max(len(each) for each, _ in rows)
    return "\n".join(f"{each:{wide}}  {meaning}" for each, meaning in rows)
