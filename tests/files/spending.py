"""What the process that looks at a file takes for it."""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

from bridge.inspection.limits import Limits

# In a process between: a new process is said to have had the memory of the one that it was made by.
_BETWEEN = """
import json, os, resource, subprocess, sys, time
job, descriptor = sys.argv[1:]
job = json.dumps(json.loads(job) | {"parent": os.getpid()})
begun = time.monotonic()
command = [sys.executable, "-P", "-m", "bridge.inspection", job]
done = subprocess.run(command, stdin=0, stdout=subprocess.PIPE, pass_fds=[int(descriptor)])
spent = resource.getrusage(resource.RUSAGE_CHILDREN)
found = json.loads(done.stdout) if done.returncode == 0 else {"refused": done.returncode}
took = time.monotonic() - begun
print(json.dumps([found, spent.ru_maxrss * 1024, spent.ru_utime + spent.ru_stime, took]))
"""


class Spent(NamedTuple):
    found: dict[str, Any]
    """What is said of the file."""
    memory: int
    """Bytes, at most."""
    cpu: float
    """Seconds."""
    took: float
    """Seconds."""


def spent(data: bytes) -> Spent:
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as rest:
        source.write(data)
        source.seek(0)
        job = {
            "name": "a",
            "allowed": None,
            "limits": Limits(),
            "data": rest.fileno(),
            "thumbnail": rest.fileno(),
        }
        done = subprocess.run(
            [sys.executable, "-c", _BETWEEN, json.dumps(job), str(rest.fileno())],
            stdin=source,
            stdout=subprocess.PIPE,
            pass_fds=[rest.fileno()],
            env={"PYTHONPATH": os.pathsep.join(sys.path), "MALLOC_ARENA_MAX": "1"},
            check=True,
        )
    return Spent(*json.loads(done.stdout))
