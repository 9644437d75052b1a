"""What the C library keeps of the memory that was freed: little, however many threads a process has had."""

import ctypes
import platform

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3
"""The names of these in glibc's malloc.h."""
ARENAS = 2
LARGE = 128 * 1024
"""Bytes of what goes back to the system at once: where glibc begins, which raises it to 32 MB by itself."""


def keep_little() -> None:
    """Have glibc share two heaps among all threads. Any other C library is left alone.

    It gives threads heaps of their own, eight for each core, and keeps what is freed in any of them for the next thread
    that comes to it. Django runs each request in a new thread: every heap grows to what the largest request took.
    Python holds its lock while it asks for memory, so threads hardly wait for each other there.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_ARENA_MAX, ARENAS)
    libc.mallopt(_MMAP_THRESHOLD, LARGE)
