"""Warnings that anybody's request can bring about: said once, so that nobody fills a log with them."""

import logging
from collections import defaultdict
from typing import Any

_said: defaultdict[str, set[tuple[Any, ...]]] = defaultdict(set)
"""What was said in this process: for each text, with what."""


def warn_once(logger: logging.Logger, text: str, *args: Any, most: int = 1) -> None:
    """Log a warning. `most`: with so many different arguments, in the life of a process; later ones say nothing new."""
    said = _said[text]
    if args not in said and len(said) < most:
        said.add(args)
        logger.warning(text, *args)


def forget() -> None:
    """Say everything anew."""
    _said.clear()
