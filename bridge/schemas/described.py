"""The commands and events that are described, and one set of definitions for all that they carry."""

import ast
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import NoneType
from typing import Any, Literal

from pydantic import TypeAdapter

from bridge import protocol
from bridge.errors import Code
from bridge.live import groups, registry
from bridge.live.registry import Entry
from bridge.protocol import commands, events, outgoing, values
from bridge.protocol.events import EVENTS, PASSING
from bridge.protocol.outgoing import Nothing

Schema = dict[str, Any]
Key = tuple[Literal["command", "reply", "event"], str]
"""What a payload is of."""
Mode = Literal["validation", "serialization"]


@dataclass(frozen=True, slots=True)
class Described:
    commands: list[Entry]
    events: dict[str, Any]

    def payloads(self, *, refer: str) -> tuple[dict[Key, Schema], dict[str, Schema]]:
        """Each payload's schema, and the definitions that they refer to with `refer`, which has a `{model}`.

        Made at once: two apps may have a model of the same name, which get longer ones then.
        """
        wanted: list[tuple[Key, Mode, TypeAdapter[Any]]] = []
        for entry in self.commands:
            reply = Nothing if entry.reply is NoneType else entry.reply
            wanted.append((("command", entry.name), "validation", _adapter(entry.payload)))
            wanted.append((("reply", entry.name), "serialization", _adapter(reply)))
        for name, payload in self.events.items():
            wanted.append((("event", name), "serialization", _adapter(payload)))
        found, rest = TypeAdapter.json_schemas(wanted, ref_template=refer)
        definitions = dict(sorted(rest.get("$defs", {}).items()))
        for name, definition in definitions.items():
            explain(name, definition)
        return {key: schema for (key, _), schema in found.items()}, definitions

    def frames(self, *, refer: str) -> tuple[dict[Key, Schema], dict[str, Schema]]:
        """The same for whole frames."""
        payloads, definitions = self.payloads(refer=refer)
        frames = {(kind, name): self._frame(kind, name, body) for (kind, name), body in payloads.items()}
        frames["reply", "error"] = ERROR
        return frames, definitions

    def _frame(self, kind: str, name: str, payload: Schema) -> Schema:
        if kind == "event":
            return _event(name, payload)
        entry = registry.entries[name]
        if kind == "reply":
            deprecated = {"warning": {"const": entry.warning}} if entry.warning else {}
            return closed(
                {"reply": {"type": "string"}, "ok": {"const": True}, "payload": payload, **deprecated}
            )
        must = (
            ["payload"] if any(field.is_required() for field in entry.payload.model_fields.values()) else []
        )
        identifier = {"type": "string", "maxLength": protocol.MAX_ID}
        frame = closed(
            {"command": {"const": name}, "id": identifier, "payload": payload},
            required=["command", "id", *must],
        )
        return frame | ({"deprecated": True, "description": entry.warning} if entry.warning else {})


def everything() -> Described:
    """Ours and the other apps'."""
    events = {name: event.payload for name, event in groups.events.items()}
    return Described(list(registry.entries.values()), EVENTS | events)


def ours() -> Described:
    """The bridge's own alone: what it is shipped with."""
    return Described([each for each in registry.entries.values() if each.is_ours], EVENTS)


@cache
def _adapter(of: Any) -> TypeAdapter[Any]:
    return TypeAdapter(of)


def explain(model: str, schema: Schema) -> None:
    """Put into the schema of a model of ours what stands below its fields in the source.

    Pydantic can do so, too, but reads each model's source anew: for seconds, whoever makes a validator.
    """
    properties = schema.get("properties", {})
    for field, text in _said_of_ours().get(model, {}).items():
        if field in properties:
            properties[field] = {"description": text} | properties[field]


@cache
def _said_of_ours() -> dict[str, dict[str, str]]:
    """By the model's name and the field's."""
    found: dict[str, dict[str, str]] = {}
    sources = map(inspect.getsource, (values, commands, outgoing, events))
    for each in ast.parse("\n".join(sources)).body:
        if not isinstance(each, ast.ClassDef):
            continue
        inherited = [found.get(base.id, {}) for base in each.bases if isinstance(base, ast.Name)]
        found[each.name] = {field: text for fields in inherited for field, text in fields.items()}
        for field, text in pairwise(each.body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                    found[each.name][name] = inspect.cleandoc(said)
    return found


def envelope(event: str) -> list[str]:
    """What stands beside the payload: a change says which revisions it covers, a passing thing does not."""
    if event == "presence.changed" or event not in EVENTS:
        return []
    return ["connection"] if event in PASSING else ["connection", "since", "revision"]


def closed(properties: Schema, *, required: Iterable[str] | None = None) -> Schema:
    """An object of these properties and no others, all of them there unless it is said which must be."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }


def _event(name: str, payload: Schema) -> Schema:
    beside = {"connection": {"type": "string"}, "since": {"type": "integer"}, "revision": {"type": "integer"}}
    return closed(
        {"event": {"const": name}, "payload": payload, **beside},
        required=["event", "payload", *envelope(name)],
    )


ERROR_BODY = closed(
    {
        "code": {"type": "string", "enum": [str(code) for code in Code]},
        "message": {"type": "string"},
        "details": {"type": "object"},
    }
)
ERROR = closed({"reply": {"type": ["string", "null"]}, "ok": {"const": False}, "error": ERROR_BODY})
