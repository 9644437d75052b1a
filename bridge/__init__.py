"""ChatBridge: joins a chat on a web page to Discord threads."""

import re
from pathlib import Path

_changelog = Path(__file__).resolve().parent.parent / "CHANGELOG.md"
_heading = re.search(r"^## (\d+\.\d+\.\d+)", _changelog.read_text(encoding="utf-8"), re.MULTILINE)
__version__ = _heading[1] if _heading else "0"
