"""One clock for processes and Redis, which stands still until a test lets it go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.infra import redis
from bridge.presence import registry, shared


class Clock:
    """Stands for the module `time` where only `monotonic` is asked of it, and for what Redis takes for now."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self._scripts = {name: getattr(shared, name) for name in ("UPDATE", "READ")}
        assert all(shared.NOW in script for script in self._scripts.values())
        self._now = 1000.0
        patch.setattr(registry, "time", self)
        self.go_on(0)

    def monotonic(self) -> float:
        return self._now

    def go_on(self, seconds: float) -> None:
        self._now += seconds
        now = f"local now = {self._now * 1000:.0f}\n"
        for name, script in self._scripts.items():
            self._patch.setattr(shared, name, script.replace(shared.NOW, now))


@contextmanager
def without_redis() -> Iterator[None]:
    """While this lasts Redis is away."""

    def away() -> None:
        raise redis.RedisError("away")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis, "client", away)
        yield
