"""Holds frames against the JSON Schema: the published one, with what the tests' shop adds."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from bridge import schemas
from bridge.live.registry import entries

PUBLISHED = Path(__file__).resolve().parent.parent.parent / "docs" / "protocol.schema.json"


@cache
def _schema() -> dict[str, Any]:
    ours: dict[str, Any] = json.loads(PUBLISHED.read_text())
    made = schemas.schema(schemas.everything())
    return {"$defs": made["$defs"] | ours["$defs"]}


@cache
def _validator(kind: str, name: str) -> Draft202012Validator:
    schema = _schema()
    return Draft202012Validator({"$ref": f"#/$defs/{kind}:{name}", "$defs": schema["$defs"]})


def check(frame: dict[str, Any], command: Any) -> None:
    """Raises where a reply to `command`, or an event, is not as the schema says."""
    if "event" in frame:
        _validator("event", frame["event"]).validate(frame)
    elif not frame["ok"]:
        _validator("reply", "error").validate(frame)
    else:
        assert command["command"] in entries
        _validator("reply", command["command"]).validate(frame)
