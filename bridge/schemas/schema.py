"""The frames as JSON Schema."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from bridge import protocol
from bridge.schemas.described import Described


def schema(described: Described) -> dict[str, Any]:
    """Every command, reply and event. What a validator needs is in `$defs` under `command:`, `reply:`, `event:`."""
    frames, definitions = described.frames(refer="#/$defs/{model}")
    named = {f"{kind}:{name}": frame for (kind, name), frame in frames.items()}
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": f"ChatBridge wire protocol, version {protocol.VERSION}",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in named],
        "$defs": named | definitions,
    }
