"""Faults on demand: rules that a request or an event meets on its way."""

import random
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

HttpKind = Literal["ratelimited", "banned", "error", "timeout", "cut", "delay"]
EventKind = Literal["withhold", "duplicate", "reorder", "delay"]


@dataclass
class Rule:
    """One fault and when it strikes.

    `route` ("POST /channels/*/messages", a star for one step of the path, two for the rest) or `event`
    ("MESSAGE_CREATE", "*") says where; `times` how often at most; `probability` how likely each time. `when`
    is before or after the request took effect in the world.

    A request can be `ratelimited` (Discord's 429, `everywhere` for the whole bot), `banned` (Cloudflare's,
    without `Via`), answered with `error` and `status`, left without an answer (`timeout`), `cut`, or delayed
    by `seconds` (`delay`: before, it takes effect late even if the client has left). An event can be withheld
    for good (`withhold`), come twice (`duplicate`), after the next one (`reorder`), or late (`delay`).
    """

    fault: str
    route: str | None = None
    event: str | None = None
    times: int | None = None
    probability: float = 1.0
    when: Literal["before", "after"] = "before"
    status: int = 500
    seconds: float = 3.0
    everywhere: bool = False  # a 429 for the whole bot
    content: str | None = None  # only messages with this text in them
    struck: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        kinds = HttpKind.__args__ if self.route else EventKind.__args__  # type: ignore[attr-defined]
        if bool(self.route) == bool(self.event) or self.fault not in kinds:
            raise ValueError(f"A fault needs a route or an event, and is one of {', '.join(kinds)}")
        self._pattern = re.compile(_pattern(self.route or self.event or ""))

    def meets(self, place: str, content: str | None) -> bool:
        if self.times is not None and self.struck >= self.times:
            return False
        if self.content is not None and self.content not in (content or ""):
            return False
        return self._pattern.fullmatch(place) is not None


def _pattern(text: str) -> str:
    return re.escape(text).replace(r"\*\*", ".*").replace(r"\*", "[^/]+")


class Faults:
    """The rules in force, in the order in which they were made; chance comes from one seed."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.random = random.Random(0)  # noqa: S311 (chance, not secrecy)

    def add(self, rule: Rule) -> None:
        self.rules.append(rule)

    def clear(self) -> None:
        self.rules.clear()

    def for_request(self, method: str, path: str, content: str | None) -> Rule | None:
        return self._strike((rule for rule in self.rules if rule.route), f"{method} {path}", content)

    def for_event(self, event: str, content: str | None) -> Rule | None:
        return self._strike((rule for rule in self.rules if rule.event), event, content)

    def _strike(self, rules: Iterable[Rule], place: str, content: str | None) -> Rule | None:
        for rule in rules:
            if rule.meets(place, content) and self.random.random() < rule.probability:
                rule.struck += 1
                return rule
        return None

    def described(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self.rules]
