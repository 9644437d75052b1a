"""A terminal without a screen: what is to be typed, and what was shown."""

import asyncio
from collections.abc import Callable, Sequence

from bridge.services.terminal.text import Line
from tests.services.discord.bot.stage import eventually


class Script:
    width = 80

    def __init__(self) -> None:
        self.shown: list[str] = []
        self._typed: asyncio.Queue[str | None] = asyncio.Queue()

    def type(self, line: str | None) -> None:
        """None: Ctrl-D."""
        self._typed.put_nowait(line)

    async def read(self, prompt: Callable[[], str]) -> str | None:
        return await self._typed.get()

    def show(self, lines: Sequence[Line]) -> None:
        self.shown += ["".join(piece.text for piece in line) for line in lines]

    def has(self, text: str) -> bool:
        return any(text in line for line in self.shown)

    async def until(self, text: str) -> None:
        await eventually(lambda: self.has(text), f"{text!r} in {self.shown}")
