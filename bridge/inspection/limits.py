"""Limits for the inspection of one file."""

from typing import NamedTuple


class Limits(NamedTuple):
    memory: int = 768 * 1024 * 1024
    """Bytes of address space. The largest pictures that are shown take 600 MB."""
    cpu: int = 30
    """Seconds of CPU time. The longest animations that are shown take 16."""
    wall: float = 180.0
    """Seconds until the process is killed: on a busy machine, it gets less than a whole processor."""
    largest: int = 128 * 1024 * 1024
    """Bytes of an encoded picture: more than a PNG with 40 million pixels of noise has."""


TOO_MUCH = "costly"
"""The reason of the refusal if a file exceeds these limits."""
