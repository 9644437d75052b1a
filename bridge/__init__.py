"""ChatBridge: joins a chat on a web page to the services where a team answers."""

import re
from pathlib import Path

# Installed, it lies in this package; in a working copy at the top.
_here = Path(__file__).resolve().parent
_changelogs = [folder / "CHANGELOG.md" for folder in (_here, _here.parent)]
_changelog = next(path for path in _changelogs if path.exists())
_heading = re.search(r"^## (\d+\.\d+\.\d+)", _changelog.read_text(encoding="utf-8"), re.MULTILINE)
__version__ = _heading[1] if _heading else "0"
