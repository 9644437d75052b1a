"""Generates the schemas of the payloads and frames of commands and events."""

import ast
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import NoneType
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from bridge import protocol
from bridge.errors import Code
from bridge.live import groups, registry
from bridge.live.registry import Entry
from bridge.protocol import commands, events, outgoing, values
from bridge.protocol.events import EVENTS, PASSING
from bridge.protocol.outgoing import Nothing

Schema = dict[str, Any]
Key = tuple[Literal["command", "reply", "event"], str]
"""Identifies a payload or frame."""
Mode = Literal["validation", "serialization"]


@dataclass(frozen=True, slots=True)
class Described:
    commands: list[Entry]
    events: dict[str, Any]

    def payloads(self, *, refer: str) -> tuple[dict[Key, Schema], dict[str, Schema]]:
        """The schema of each payload, and the definitions that they refer to. `refer` is a template with `{model}`.

        They are generated together: if two apps have a model of the same name, both get longer names.
        """
        wanted: list[tuple[Key, Mode, TypeAdapter[Any]]] = []
        for entry in self.commands:
            reply = Nothing if entry.reply is NoneType else entry.reply
            wanted.append((("command", entry.name), "validation", _adapter(entry.payload)))
            wanted.append((("reply", entry.name), "serialization", _adapter(reply)))
        for name, payload in self.events.items():
            wanted.append((("event", name), "serialization", _adapter(payload)))
        payloads, rest = TypeAdapter.json_schemas(wanted, ref_template=refer)
        definitions = dict(sorted(rest.get("$defs", {}).items()))
        for name, definition in definitions.items():
            explain(name, definition)
        return {key: schema for (key, _), schema in payloads.items()}, definitions

    def frames(self, *, refer: str) -> tuple[dict[Key, Schema], dict[str, Schema]]:
        """The same for whole frames instead of payloads."""
        payloads, definitions = self.payloads(refer=refer)
        frames = {(kind, name): self._frame(kind, name, body) for (kind, name), body in payloads.items()}
        frames["reply", "error"] = ERROR
        return frames, definitions

    def _frame(self, kind: str, name: str, payload: Schema) -> Schema:
        if kind == "event":
            integers = {"since": {"type": "integer"}, "revision": {"type": "integer"}}
            return closed(
                {"event": {"const": name}, "payload": payload, "connection": {"type": "string"}, **integers},
                required=["event", "payload", *envelope(name)],
            )
        entry = registry.entries[name]
        if kind == "reply":
            warning = {"warning": {"const": entry.warning}} if entry.warning else {}
            return closed({"reply": {"type": "string"}, "ok": {"const": True}, "payload": payload, **warning})
        identifier = {"type": "string", "maxLength": protocol.MAX_ID}
        needs_payload = any(field.is_required() for field in entry.payload.model_fields.values())
        frame = closed(
            {"command": {"const": name}, "id": identifier, "payload": payload},
            required=["command", "id", "payload"] if needs_payload else ["command", "id"],
        )
        return frame | ({"deprecated": True, "description": entry.warning} if entry.warning else {})


def everything() -> Described:
    """All commands and events, including those of other apps."""
    events = {name: event.payload for name, event in groups.events.items()}
    return Described(list(registry.entries.values()), EVENTS | events)


def ours() -> Described:
    """ChatBridge's own commands and events, as published with it."""
    return Described([entry for entry in registry.entries.values() if entry.is_ours], EVENTS)


def schema(described: Described) -> Schema:
    """All frames as JSON Schema: `$defs` has them as `command:NAME`, `reply:NAME` and `event:NAME`."""
    frames, definitions = described.frames(refer="#/$defs/{model}")
    named = {f"{kind}:{name}": frame for (kind, name), frame in frames.items()}
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": f"ChatBridge wire protocol, version {protocol.VERSION}",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in named],
        "$defs": named | definitions,
    }


@cache
def _adapter(of: Any) -> TypeAdapter[Any]:
    return TypeAdapter(of)


def explain(model: str, schema: Schema) -> None:
    """Add descriptions to the fields of one of our models: the strings below them in the source.

    Pydantic can do this too, but takes seconds, because it reads the source again for each validator.
    """
    properties = schema.get("properties", {})
    for field, text in _descriptions().get(model, {}).items():
        if field in properties:
            properties[field] = {"description": text} | properties[field]


@cache
def _descriptions() -> dict[str, dict[str, str]]:
    """The text for each field, by the names of the model and the field."""
    descriptions: dict[str, dict[str, str]] = {}
    sources = map(inspect.getsource, (values, commands, outgoing, events))
    for model in ast.parse("\n".join(sources)).body:
        if not isinstance(model, ast.ClassDef):
            continue
        fields = descriptions[model.name] = {}
        for base in model.bases:
            if isinstance(base, ast.Name):
                fields |= descriptions.get(base.id, {})
        for field, text in pairwise(model.body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    fields[name] = inspect.cleandoc(words)
    return descriptions


def envelope(event: str) -> list[str]:
    """The fields of an event beside its payload. Only changes of a connection have revisions."""
    if event == "presence.changed" or event not in EVENTS:
        return []
    return ["connection"] if event in PASSING else ["connection", "since", "revision"]


def closed(properties: Schema, *, required: Iterable[str] | None = None) -> Schema:
    """The schema of an object with only these properties. All are required, unless `required` names some of them."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }


ERROR_BODY = closed(
    {
        "code": {"type": "string", "enum": [str(code) for code in Code]},
        "message": {"type": "string"},
        "details": {"type": "object"},
    }
)
ERROR = closed({"reply": {"type": ["string", "null"]}, "ok": {"const": False}, "error": ERROR_BODY})
