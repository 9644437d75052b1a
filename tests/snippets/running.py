"""Runs what a page shows in Python, block after block in one namespace, and leaves no trace of it."""

import ast
import asyncio
import inspect
import linecache
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from importlib import import_module
from typing import Any

from django.conf import settings
from django.dispatch import Signal

from bridge.live import groups, registry
from chatbridge_site.environment import BASE_DIR
from tests.snippets.reading import Snippet


class Made(types.ModuleType):
    """A module that stands in a page."""


class Python:
    """One page's program. A block that names a file is this module for the blocks after it; the next one that names it
    goes on with it.
    """

    def __init__(self) -> None:
        self._names: dict[str, Any] = {"__name__": "snippet"}
        self._made: dict[str, dict[str, Any]] = {}
        self._runner = asyncio.Runner()

    def run(self, snippet: Snippet) -> None:
        if (BASE_DIR / snippet.file).is_file() and snippet.file:
            whole = (BASE_DIR / snippet.file).read_text(encoding="utf-8")
            shown = snippet.text.partition("\n")[2].strip("\n")
            assert shown in whole, f"{snippet} is not what {snippet.file} says"
            return
        names = self._module(snippet.file) if snippet.file else self._names
        name = str(snippet)
        source = "\n" * (snippet.line - 1) + snippet.text  # so that a traceback names the page's own line
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        code = compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            self._runner.run(eval(code, names))
        else:
            exec(code, names)

    def close(self) -> None:
        self._runner.close()

    def _module(self, file: str) -> dict[str, Any]:
        name = file.removesuffix(".py").replace("/", ".")
        if name in self._made:
            return self._made[name]
        parent, _, last = name.rpartition(".")
        module = Made(name)
        if parent and parent not in sys.modules:
            sys.modules[parent] = package = Made(parent)
            package.__path__ = []
        if parent:
            setattr(sys.modules[parent], last, module)
        sys.modules[name] = module
        if last == "settings":
            # It adds to those of a project.
            ours = vars(import_module(settings.SETTINGS_MODULE)).items()
            module.__dict__.update({each: deepcopy(value) for each, value in ours if each.isupper()})
        self._made[name] = module.__dict__
        return module.__dict__


@contextmanager
def without_trace() -> Iterator[None]:
    """What a page declares (commands, events, receivers of signals, modules) is forgotten afterwards."""
    declared: tuple[dict[str, Any], ...] = (registry.entries, groups.events)
    before = [dict(each) for each in declared]
    signals = [(signal, list(signal.receivers)) for signal in _signals()]
    try:
        yield
    finally:
        for each, kept in zip(declared, before, strict=True):
            for name in set(each) - set(kept):
                del each[name]
        # Those alone that a page made: a real one that is imported twice is two.
        for name in [name for name, module in list(sys.modules.items()) if isinstance(module, Made)]:
            del sys.modules[name]
        for signal, receivers in signals:
            signal.receivers[:] = receivers
            signal.sender_receivers_cache.clear()


def _signals() -> list[Signal]:
    module = sys.modules.get("bridge.signals")
    return [each for each in vars(module).values() if isinstance(each, Signal)] if module else []
