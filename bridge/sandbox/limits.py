"""Realistic rate limits, off by default: about five messages in five seconds in each channel."""

import time
from dataclasses import dataclass

_LIMIT, _SECONDS = 5, 5.0


@dataclass(slots=True)
class Bucket:
    left: int
    reset: float


class Limits:
    """One bucket for each channel that is posted in, as Discord keeps them."""

    def __init__(self) -> None:
        self.on = False
        self._buckets: dict[str, Bucket] = {}

    def take(self, method: str, path: str) -> tuple[dict[str, str], float | None]:
        """Return the headers for the answer, and the seconds to wait where the bucket is empty."""
        if not self.on or method != "POST" or not path.endswith("/messages"):
            return {}, None
        now = time.monotonic()
        bucket = self._buckets.get(path)
        if bucket is None or bucket.reset <= now:
            bucket = self._buckets[path] = Bucket(_LIMIT, now + _SECONDS)
        wait = bucket.reset - now
        empty = bucket.left == 0
        bucket.left = max(0, bucket.left - 1)
        headers = {
            "X-RateLimit-Limit": str(_LIMIT),
            "X-RateLimit-Remaining": str(bucket.left),
            "X-RateLimit-Reset": f"{time.time() + wait:.3f}",
            "X-RateLimit-Reset-After": f"{wait:.3f}",
            "X-RateLimit-Bucket": "messages",
        }
        return headers, wait if empty else None
