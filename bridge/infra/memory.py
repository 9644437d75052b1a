"""Limits the freed memory that the C library keeps, however many threads a process has had."""

import ctypes
import platform

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3
"""Constants of glibc's malloc.h."""
ARENAS = 2
LARGE = 128 * 1024
"""Blocks of at least this many bytes are returned to the system at once. By default, glibc raises this up to 32 MB."""


def keep_little() -> None:
    """Make glibc use two heaps for all threads. Does nothing with other C libraries.

    By default, glibc gives threads their own heaps, up to eight per core, and keeps the freed memory of a heap for its
    next thread. Django runs each request in a new thread, so every heap grows to the size of the largest request.
    Python holds its lock while it allocates memory, so threads hardly wait for each other there.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_ARENA_MAX, ARENAS)
    libc.mallopt(_MMAP_THRESHOLD, LARGE)
