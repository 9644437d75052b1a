"""A terminal with a prompt, or plain lines if input or output is a pipe or a file."""

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Iterable

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.patch_stdout import patch_stdout

from bridge.management.terminal.lines import Line


class Screen:
    """`words` are the words that Tab completes."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = set(words)
        self._session: PromptSession[str] | None = None
        if sys.stdin.isatty() and sys.stdout.isatty():
            completer = WordCompleter(lambda: sorted(self.words), ignore_case=True, WORD=True)
            # The typed line is erased, because its message is shown once it is stored.
            self._session = PromptSession(
                completer=completer, complete_while_typing=False, erase_when_done=True
            )

    @property
    def width(self) -> int | None:
        return self._session.output.get_size().columns if self._session else None

    async def read_all(self, lines: "asyncio.Queue[str | None]", prompt: Callable[[], str]) -> None:
        """Put each typed line into the queue, and None at the end. The result of `prompt` may change meanwhile."""
        if self._session is None:
            loop = asyncio.get_running_loop()
            # A thread that waits for a line cannot be stopped, so it must not keep the process alive.
            threading.Thread(target=_read_stdin, args=(loop, lines), daemon=True).start()
            return
        with contextlib.suppress(EOFError, KeyboardInterrupt), patch_stdout():
            # Now warnings in the log appear above the line that is being typed.
            logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", force=True)
            while True:
                line = await self._session.prompt_async(lambda: [("bold", f"{prompt()}> ")])
                lines.put_nowait(line.strip())
        lines.put_nowait(None)

    def show(self, lines: Iterable[Line]) -> None:
        """Print lines above the one that is being typed."""
        if self._session:
            pieces = [piece for line in lines for piece in [*line, ("", "\n")]]
            print_formatted_text(FormattedText(pieces), end="", output=self._session.output)
            return
        for line in lines:
            sys.stdout.write("".join(text for _, text in line) + "\n")
        sys.stdout.flush()


def _read_stdin(loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[str | None]") -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: the chat has ended
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line.strip())
        loop.call_soon_threadsafe(lines.put_nowait, None)
