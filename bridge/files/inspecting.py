"""Inspects a file in a separate process: see `bridge.inspection`.

Each file gets a new process: it starts in a tenth of the time that a photo takes, needs no memory while there is
nothing to do, and no file is affected by the one before.
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
"""Exit codes if the whole service is stopped, which is not the file's fault."""
_MOST_TOLD = 2000


def inspect(
    source: IO[bytes],
    *,
    name: str,
    allowed: Sequence[str] | None,
    data: IO[bytes],
    thumbnail: IO[bytes],
) -> dict[str, Any]:
    """The file's `kind`, and for a picture that can be shown, `width` and `height`. The picture is then in `data`, and
    its thumbnail in `thumbnail`, unless it is small itself. All three must be real files. Blocks.

    Raises:
        BridgeError: `invalid_payload` with a `reason`: `mismatch`, `type`, or `costly` if the process did not survive
            the file. `unavailable` if the machine cannot start a process now.
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


def _run(
    job: str, source: IO[bytes], answer: IO[bytes], trouble: IO[bytes], descriptors: Sequence[int]
) -> int:
    """The process's exit code; a negative one is the signal that ended it."""
    source.flush()
    try:
        done = subprocess.run(  # our own program, whose argument is JSON
            [sys.executable, "-P", "-m", "bridge.inspection", job],
            stdin=source,
            stdout=answer,
            stderr=trouble,
            pass_fds=descriptors,
            # No secrets, but everything that this process can import.
            env={"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "MALLOC_ARENA_MAX": "1"},
            # Ctrl-C in a terminal must not stop it directly.
            start_new_session=True,
            timeout=LIMITS.wall,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    return done.returncode
