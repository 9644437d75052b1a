"""Warnings that anybody can cause with a request: logged once, so that nobody can fill the log with them."""

import logging
from collections import defaultdict
from typing import Any

_said: defaultdict[str, set[tuple[Any, ...]]] = defaultdict(set)
"""The warnings that this process has logged: for each text, the arguments."""


def warn_once(logger: logging.Logger, text: str, *args: Any, most: int = 1) -> None:
    """Log a warning with at most `most` different arguments in the life of a process. Ignore later ones."""
    record = _said[text]
    if args not in record and len(record) < most:
        record.add(args)
        logger.warning(text, *args)


def forget() -> None:
    """Forget all warnings, so that they are logged again."""
    _said.clear()
