"""A fault is put into what is loaded: functions keep their place in memory and get other code.

To import the project and its tests takes seconds, most faults' tests take less. What a module does while it is
imported, such as its constants and decorators, cannot be changed afterwards.
"""

import gc
import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType

Key = tuple[str, str, int]


class CannotSwap(Exception):
    """The fault is in what runs while the module is imported."""


class Loaded:
    """Every function that is in memory, by where it comes from."""

    def __init__(self) -> None:
        self._functions: defaultdict[Key, list[FunctionType]] = defaultdict(list)
        gc.unfreeze()
        for each in gc.get_objects():
            if isinstance(each, FunctionType):
                self._functions[_key(each.__code__)].append(each)
        gc.freeze()

    def swap(self, module: Path, *, before: str, after: str) -> None:
        """Raises CannotSwap."""
        name = str(module.resolve())
        pairs = list(
            _differing(*(compile(text, name, "exec", dont_inherit=True) for text in (before, after)))
        )
        if not pairs:
            raise CannotSwap
        found = False
        for old, new in pairs:
            for function in self._functions.get(_key(old), ()):
                try:
                    function.__code__ = new
                except ValueError as error:
                    raise CannotSwap from error
                found = True
        if not found:
            raise CannotSwap


def _key(code: CodeType) -> Key:
    return (code.co_filename, code.co_qualname, code.co_firstlineno)


def _differing(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Functions whose code differs, each with its new one."""
    inner = [[each for each in code.co_consts if isinstance(each, CodeType)] for code in (old, new)]
    if not old.co_flags & inspect.CO_OPTIMIZED:
        # The module itself or the body of a class.
        if _own(old) != _own(new) or len(inner[0]) != len(inner[1]):
            raise CannotSwap
    elif old.co_code != new.co_code or old.co_consts != new.co_consts or old.co_names != new.co_names:
        yield old, new
    for pair in zip(*inner, strict=False):
        yield from _differing(*pair)


def _own(code: CodeType) -> tuple[object, ...]:
    """What the code does by itself, without that of the functions in it."""
    consts = tuple(repr(each) for each in code.co_consts if not isinstance(each, CodeType))
    return (code.co_code, consts, code.co_names, code.co_varnames, code.co_exceptiontable)
