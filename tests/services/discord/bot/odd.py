"""Discord's objects as its own description allows them, and as it does not: each field missing, null and unknown."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

DESCRIPTION = json.loads(
    (Path(__file__).parents[3] / "sandbox" / "openapi" / "discord.json").read_text(encoding="utf-8")
)["components"]["schemas"]
MISSING = object()
ODD: list[Any] = [MISSING, None, "?", "7", 7, -1, True, {}, {"?": "?"}, [], ["?"], [None] * 500, [{}], 2**70]
"""What stands in place of a field's value."""
DEEPEST = 3


def example(schema: dict[str, Any], depth: int = 0) -> Any:
    """One value that a schema describes, with every optional field."""
    if "$ref" in schema:
        return example(DESCRIPTION[schema["$ref"].rpartition("/")[2]], depth)
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            real = [each for each in schema[choice] if each.get("type") != "null"]
            return example(real[0], depth) if real else None
    if "allOf" in schema:
        return example(schema["allOf"][0], depth)
    if "const" in schema or schema.get("enum"):
        return schema.get("const", (schema.get("enum") or [None])[0])
    kind = schema.get("type")
    kind = next((each for each in kind if each != "null"), None) if isinstance(kind, list) else kind
    if kind == "object":
        fields = schema.get("properties", {}) if depth < DEEPEST else {}
        return {name: example(each, depth + 1) for name, each in fields.items()}
    if kind == "array":
        return [example(schema["items"], depth + 1)] if depth < DEEPEST and "items" in schema else []
    return {
        "integer": 1,
        "number": 1.0,
        "boolean": False,
        "string": {"snowflake": "1180000000000000777", "date-time": "2026-01-01T00:00:00.000000+00:00"}.get(
            schema.get("format", ""), "text"
        ),
    }.get(str(kind))


def whole(name: str, real: dict[str, Any]) -> dict[str, Any]:
    """A real object with the fields besides that it may have."""
    return example(DESCRIPTION[name]) | real  # type: ignore[no-any-return]


def variations(
    payload: dict[str, Any], depth: int = 0, *, among: Sequence[Any] = ODD
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The object with one field changed, and what was: its own fields, and those of the objects in it."""
    for key, value in payload.items():
        others = {name: each for name, each in payload.items() if name != key}
        for odd in among:
            changed = others if odd is MISSING else others | {key: odd}
            yield f"{key}={'missing' if odd is MISSING else str(odd)[:20]}", changed
        if depth >= DEEPEST:
            continue
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict):
            for what, odd in variations(inner, depth + 1, among=among):
                yield f"{key}.{what}", others | {key: [odd] if isinstance(value, list) else odd}
