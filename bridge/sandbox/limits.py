"""Realistic rate limits, off by default: for what is posted in a channel, and through a webhook."""

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    requests: int
    seconds: float


_CHANNEL = (Limit("messages", 5, 5.0),)
_WEBHOOK = (Limit("webhook", 5, 2.0), Limit("webhook-minute", 30, 60.0))


@dataclass(slots=True)
class Bucket:
    left: int
    reset: float


class Limits:
    """Buckets for each channel that is posted in and each webhook that is used, as Discord keeps them."""

    def __init__(self) -> None:
        self.on = False
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def take(self, method: str, path: str) -> tuple[dict[str, str], float | None]:
        """Return the headers for the answer, and the seconds to wait where a bucket is empty."""
        limits = _limits_of(path) if self.on and method == "POST" else ()
        if not limits:
            return {}, None
        now = time.monotonic()
        buckets = [self._bucket(path, limit, now) for limit in limits]
        wait = max((bucket.reset - now for bucket in buckets if bucket.left == 0), default=None)
        if wait is None:
            for bucket in buckets:
                bucket.left -= 1
        tightest = min(range(len(limits)), key=lambda place: (buckets[place].left, -buckets[place].reset))
        return _headers(limits[tightest], buckets[tightest], now), wait

    def _bucket(self, path: str, limit: Limit, now: float) -> Bucket:
        bucket = self._buckets.get((path, limit.name))
        if bucket is None or bucket.reset <= now:
            bucket = self._buckets[path, limit.name] = Bucket(limit.requests, now + limit.seconds)
        return bucket


def _limits_of(path: str) -> tuple[Limit, ...]:
    if path.startswith("/webhooks/") and path.count("/") == 3:
        return _WEBHOOK
    return _CHANNEL if path.endswith("/messages") else ()


def _headers(limit: Limit, bucket: Bucket, now: float) -> dict[str, str]:
    wait = bucket.reset - now
    return {
        "X-RateLimit-Limit": str(limit.requests),
        "X-RateLimit-Remaining": str(bucket.left),
        "X-RateLimit-Reset": f"{time.time() + wait:.3f}",
        "X-RateLimit-Reset-After": f"{math.ceil(wait * 1000) / 1000:.3f}",
        "X-RateLimit-Bucket": limit.name,
    }
