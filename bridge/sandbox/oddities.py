"""Objects that are not as a library expects: fields missing, null, of another type or of a kind that nobody knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass
class Oddity:
    """Every object with all the fields of `match` is shown with those of `put`, and without those of `drop`.

    It is shown so everywhere: in events, in answers, and inside of other objects.
    """

    match: dict[str, Any]
    put: dict[str, Any] = field(default_factory=dict)
    drop: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.match:
            raise ValueError("An oddity needs something to match")

    def meets(self, value: Mapping[str, Any]) -> bool:
        return all(name in value and value[name] == wanted for name, wanted in self.match.items())


def made_odd(value: Any, oddities: list[Oddity]) -> Any:
    """Return a payload as these make it. The payload itself stays as it is."""
    if not oddities:
        return value
    copy = orjson.loads(orjson.dumps(value))
    _change(copy, oddities)
    return copy


def _change(value: Any, oddities: list[Oddity]) -> None:
    if isinstance(value, list):
        for each in value:
            _change(each, oddities)
    elif isinstance(value, dict):
        # Decided before anything is changed: an oddity may change what another one matches.
        met = [oddity for oddity in oddities if oddity.meets(value)]
        for each in value.values():
            _change(each, oddities)
        for oddity in met:
            value.update(oddity.put)
            for name in oddity.drop:
                value.pop(name, None)
