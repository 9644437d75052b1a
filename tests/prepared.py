"""A folder that all processes of a run share, in `PREPARED`: its workers inherit that. The first one removes it."""

import atexit
import os
import shutil
import tempfile

if "PREPARED" not in os.environ:
    os.environ["PREPARED"] = tempfile.mkdtemp(prefix="chatbridge-prepared-")
    atexit.register(shutil.rmtree, os.environ["PREPARED"], ignore_errors=True)
