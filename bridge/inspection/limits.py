"""What looking at one file may cost."""

from typing import NamedTuple


class Limits(NamedTuple):
    memory: int = 768 * 1024 * 1024
    """Bytes of addresses. The largest pictures that are shown take 600 MB of them."""
    cpu: int = 30
    """Seconds. The longest moving pictures that are shown take 16."""
    wall: float = 180.0
    """Seconds until it is ended from outside: a machine that is busy gives it less than a whole processor."""
    largest: int = 128 * 1024 * 1024
    """Bytes of a picture that was encoded anew: more than a PNG of 40 million pixels of noise has."""


TOO_MUCH = "costly"
"""The reason of the refusal."""
