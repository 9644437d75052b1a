"""Have a file looked at, in a process of its own: see `bridge.inspection`.

A new one for each file: it starts in a tenth of what a photo takes, needs no memory while there is nothing to do, and
no file meets what the one before left behind.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO, Any

from bridge.errors import BridgeError, Code
from bridge.inspection.limits import TOO_MUCH, Limits

logger = logging.getLogger(__name__)

LIMITS = Limits()
_STOPPED = frozenset({-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
"""How it ends where the whole service is stopped: no fault of the file's."""
_MOST_TOLD = 2000


def inspect(
    source: IO[bytes],
    *,
    name: str,
    allowed: Sequence[str] | None,
    data: IO[bytes],
    thumbnail: IO[bytes],
) -> dict[str, Any]:
    """What it is: `kind`, and of a picture that can be shown `width` and `height`. Such a one is in `data`, then, and
    in `thumbnail` where it is not small itself. All three are files of the system. Blocks.

    Raises:
        BridgeError: `invalid_payload` with a `reason`: `mismatch`, `type` or, where its process did not live through
            it, `costly`. `unavailable` where the machine has no room for the process now.
    """
    outputs = {"data": data.fileno(), "thumbnail": thumbnail.fileno()}
    job = {"name": name, "allowed": allowed, **outputs, "limits": LIMITS, "parent": os.getpid()}
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as trouble:
        try:
            code = _run(json.dumps(job), source, answer, trouble, tuple(outputs.values()))
        except OSError as error:
            logger.warning("Could not start a process to inspect a file: %r", error)
            raise BridgeError(Code.UNAVAILABLE, "The server cannot accept files right now.") from error
        if code in _STOPPED:
            raise BridgeError(Code.UNAVAILABLE, "The server is restarting.")
        result = _result(code, answer, trouble)
    if "refused" in result:
        message = result.get("message", "Opening it takes too much time or memory.")
        raise BridgeError(Code.INVALID_PAYLOAD, message, reason=result["refused"])
    return result


def _result(code: int, answer: IO[bytes], trouble: IO[bytes]) -> dict[str, Any]:
    answer.seek(0)
    trouble.seek(0)
    if code:
        stderr = trouble.read(_MOST_TOLD).decode("utf-8", "replace")
        logger.error("The process that inspected a file exited with %s: %s", code, stderr)
    return {"refused": TOO_MUCH} if code else dict(json.load(answer))


def _run(job: str, source: IO[bytes], answer: IO[bytes], trouble: IO[bytes], kept: Sequence[int]) -> int:
    """Its exit code, negative: what signal ended it."""
    source.flush()
    try:
        done = subprocess.run(  # a program of ours, with a name that is JSON
            [sys.executable, "-P", "-m", "bridge.inspection", job],
            stdin=source,
            stdout=answer,
            stderr=trouble,
            pass_fds=kept,
            # Nothing that is secret, and what this process can import.
            env={"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "MALLOC_ARENA_MAX": "1"},
            # Ctrl-C in a terminal is for who started it.
            start_new_session=True,
            timeout=LIMITS.wall,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    return done.returncode
