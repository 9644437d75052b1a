"""ChatBridge: joins a chat on a web page to the services in which a team answers."""

import re
from pathlib import Path

# CHANGELOG.md is in this package if it is installed, and at the top of a working copy.
_here = Path(__file__).resolve().parent
_changelogs = [folder / "CHANGELOG.md" for folder in (_here, _here.parent)]
_changelog = next(path for path in _changelogs if path.exists())
_heading = re.search(r"^## (\d+\.\d+\.\d+)", _changelog.read_text(encoding="utf-8"), re.MULTILINE)
__version__ = _heading[1] if _heading else "0"
