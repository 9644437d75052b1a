"""Where somebody reads and writes: a terminal with a prompt, or plain lines in and out where one of them is a pipe."""

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TextIO

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style

from bridge.management.terminal.text import Line, note

STYLE = Style.from_dict(
    {
        "time": "ansibrightblack",
        "mark": "ansibrightblack",
        "note": "italic ansibrightblack",
        "wrong": "ansired",
        "own": "bold",
        "staff": "bold ansiblue",
        "prompt": "bold",
    }
)


class Terminal(Protocol):
    @property
    def width(self) -> int | None:
        """Columns; None where nobody breaks lines."""

    async def read(self, prompt: Callable[[], str]) -> str | None:
        """The next line that somebody wrote; None once there is none any more. `prompt` may change meanwhile."""

    def show(self, lines: Sequence[Line]) -> None:
        """Above what is being written. From the event loop."""


class Words(Completer):
    """Completes the last word, of those that fit just now."""

    def __init__(self, words: Callable[[str], Iterable[str]]) -> None:
        self._words = words

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        before = document.text_before_cursor
        word = before.rsplit(" ", 1)[-1]
        for each in self._words(before):
            if word and each.lower().startswith(word.lower()):
                yield Completion(each, start_position=-len(word))


class Prompt:
    """A real terminal. What comes in appears above the line that is being written, which stays whole."""

    def __init__(self, words: Callable[[str], Iterable[str]]) -> None:
        self._depth = ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None
        self._session: PromptSession[str] = PromptSession(
            history=InMemoryHistory(),
            completer=Words(words),
            complete_while_typing=False,
            style=STYLE,
            color_depth=self._depth,
            # What was written is shown again as what was said, once it is.
            erase_when_done=True,
        )

    @property
    def width(self) -> int | None:
        return self._session.output.get_size().columns

    async def read(self, prompt: Callable[[], str]) -> str | None:
        try:
            return await self._session.prompt_async(lambda: [("class:prompt", f"{prompt()}> ")])
        except (EOFError, KeyboardInterrupt):
            return None

    def show(self, lines: Sequence[Line]) -> None:
        pieces = [(style, text) for line in lines for style, text in [*line, ("", "\n")]]
        print_formatted_text(
            FormattedText(pieces),
            end="",
            style=STYLE,
            color_depth=self._depth,
            output=self._session.output,
        )


class Plain:
    """Lines in, lines out, and nothing but text: for pipes and files."""

    width = None

    def __init__(self, source: TextIO, target: TextIO) -> None:
        self._target = target
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        # Nothing ends a thread that waits for a line; so it must not keep the process.
        threading.Thread(target=self._read_all, args=(source,), name="chatbridge-input", daemon=True).start()

    def _read_all(self, source: TextIO) -> None:
        for line in source:
            self._put(line.rstrip("\n"))
        self._put(None)

    def _put(self, line: str | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody reads any more
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)

    async def read(self, prompt: Callable[[], str]) -> str | None:
        return await self._lines.get()

    def show(self, lines: Sequence[Line]) -> None:
        for line in lines:
            print("".join(piece.text for piece in line), file=self._target, flush=True)


@contextlib.contextmanager
def opened(words: Callable[[str], Iterable[str]]) -> Iterator[Terminal]:
    """A prompt where both ends are a terminal, with the log's warnings above it; else plain lines."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield Plain(sys.stdin, sys.stdout)
        return
    terminal = Prompt(words)
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, [_Above(terminal)]
    try:
        with patch_stdout(raw=False):
            yield terminal
    finally:
        root.handlers = handlers


class _Above(logging.Handler):
    """The log where it tears nothing: only what somebody should know."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        lines = note(f"{record.levelname.lower()}: {record.getMessage()}", "class:wrong")
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._terminal.show, lines)
