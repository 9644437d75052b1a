"""The process that inspects one file: `python -m bridge.inspection JOB`, started by `bridge.files.inspecting`.

It reads the file from standard input. It writes the picture to store instead, and its thumbnail, to the two descriptors
in the job, and the result as JSON to standard output.
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
            result = look(source, **{key: job[key] for key in ("name", "allowed", "data", "thumbnail")})
        except BridgeError as refusal:
            result = {"refused": refusal.details["reason"], "message": refusal.message}
        except MemoryError:
            result = {"refused": TOO_MUCH}
    sys.stdout.write(json.dumps(result))


def look(
    source: BinaryIO, *, name: str, allowed: Sequence[str] | None, data: int, thumbnail: int
) -> dict[str, Any]:
    """The file's `kind`, and `width` and `height` if it is a picture that can be shown. It is then in the two files."""
    kind = kind_of(source)
    if allowed is not None:
        check_allowed(kind, name=name, allowed=allowed)
    if not kind.startswith("image/"):
        return {"kind": kind}
    # Imported only if needed, because importing Pillow takes most of the start of this process.
    from bridge.inspection.images import MAX_PIXELS, NotShown, picture

    try:
        image = picture(source, kind=kind)
    except NotShown:
        # Stored as it is, but not as a picture, because no browser should try to show it.
        return {"kind": UNKNOWN if kind in MAX_PIXELS else kind}
    for descriptor, content in ((data, image.data), (thumbnail, image.thumbnail)):
        with open(descriptor, "wb", closefd=False) as out:
            out.write(content)
    return {"kind": image.content_type, "width": image.width, "height": image.height}


def _limit(limits: Limits, *, parent: int) -> None:
    """Limit the resources of this process from now on."""
    for limit, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu),
        (resource.RLIMIT_FSIZE, limits.largest),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    # Processes that serve visitors have priority.
    os.nice(5)
    # If the machine runs out of memory, this process is killed first.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
