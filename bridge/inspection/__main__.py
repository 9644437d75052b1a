"""The process that looks at one file: `python -m bridge.inspection JOB`, started by `bridge.files.inspecting`.

The file is its standard input. What is to be kept in its place and its thumbnail go into the two descriptors that the
job names, and what it is, as JSON, to its standard output.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

from bridge.errors import BridgeError
from bridge.inspection.kinds import UNKNOWN, check_allowed, kind_of
from bridge.inspection.limits import TOO_MUCH, Limits

_PARENT_DEATH = 1  # PR_SET_PDEATHSIG


def main(job: dict[str, Any]) -> None:
    _limit(Limits(*job["limits"]), parent=job["parent"])
    with open(0, "rb", closefd=False) as source:
        try:
            found = look(source, **{key: job[key] for key in ("name", "allowed", "data", "thumbnail")})
        except BridgeError as refusal:
            found = {"refused": refusal.details["reason"], "message": refusal.message}
        except MemoryError:
            found = {"refused": TOO_MUCH}
    sys.stdout.write(json.dumps(found))


def look(
    source: BinaryIO, *, name: str, allowed: Sequence[str] | None, data: int, thumbnail: int
) -> dict[str, Any]:
    """Its `kind`; of a picture that can be shown `width` and `height`, too: those two files have it then."""
    kind = kind_of(source)
    if allowed is not None:
        check_allowed(kind, name=name, allowed=allowed)
    if not kind.startswith("image/"):
        return {"kind": kind}
    # Not before it is needed: most of the time that this process takes to start is Pillow's.
    from bridge.inspection.images import MAX_PIXELS, NotShown, picture

    try:
        found = picture(source, kind=kind)
    except NotShown:
        # Kept as it is. Nobody's browser is asked to show it under the name of a picture that it may be none of.
        return {"kind": UNKNOWN if kind in MAX_PIXELS else kind}
    for descriptor, content in ((data, found.data), (thumbnail, found.thumbnail)):
        with open(descriptor, "wb", closefd=False) as out:
            out.write(content)
    return {"kind": found.content_type, "width": found.width, "height": found.height}


def _limit(limits: Limits, *, parent: int) -> None:
    """From here on nothing that the file asks for goes beyond this."""
    for limit, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu),
        (resource.RLIMIT_FSIZE, limits.largest),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    # Whoever serves visitors goes first.
    os.nice(5)
    # Where the machine's memory runs out all the same, this one is taken.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("whoever asked is gone")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
