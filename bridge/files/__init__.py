"""Files: what they are by their bytes, what is kept of them and where. No rows and no requests in here."""

from bridge.files.keeping import FILES, THUMBNAILS, Kept, discard, keep
from bridge.files.kinds import safe_name
from bridge.files.links import is_signed, link
from bridge.files.workers import in_background

__all__ = [
    "FILES",
    "THUMBNAILS",
    "Kept",
    "discard",
    "in_background",
    "is_signed",
    "keep",
    "link",
    "safe_name",
]
