"""Generates the TypeScript types of the protocol."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from bridge import protocol
from bridge.schemas.described import Described, Schema, closed

HEAD = f"""\
// The wire protocol of ChatBridge, version {protocol.VERSION}: `manage.py protocol_schema typescript` makes this file.

"""
PAGE = Path(__file__).with_name("page.d.ts")
"""What the chat's page offers to a site's own scripts. It uses the generated types."""


def types(described: Described) -> str:
    """An interface for each model; `Commands` with payload and reply, and `Events` with the whole frame, by name."""
    frames, schemas = described.frames(refer="{model}")
    commands = {}
    for name in (entry.name for entry in described.commands):
        command, reply = frames["command", name], frames["reply", name]
        carried = {
            part: frame["properties"]["payload"] for part, frame in (("payload", command), ("reply", reply))
        }
        required = {"reply", *command["required"]} & carried.keys()
        commands[name] = command | closed(carried, required=required)
    events = {name: frames["event", name] for name in described.events}
    schemas |= {
        "ErrorFrame": frames["reply", "error"],
        "Commands": {"description": "The payload of each command, and of its reply."} | closed(commands),
        "Events": {"description": "The frame of each event."} | closed(events),
    }
    return HEAD + "\n".join(_declaration(*item) for item in schemas.items()) + "\n" + PAGE.read_text("utf-8")


def _declaration(name: str, schema: Schema) -> str:
    if schema.get("properties"):
        return f"{_comment(schema, '')}export interface {_identifier(name)} {_type(schema, '')}\n"
    return f"{_comment(schema, '')}export type {_identifier(name)} = {_type(schema, '')};\n"


def _type(schema: Schema, indent: str) -> str:
    if "$ref" in schema:
        return _identifier(schema["$ref"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return _union(map(json.dumps, schema["enum"]))
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return _union(_type(option, indent) for option in options)
    kind = schema.get("type")
    if isinstance(kind, list):
        return _union(_type(schema | {"type": name}, indent) for name in kind)
    if kind == "array":
        return _array(schema, indent)
    if kind == "object":
        return _object(schema, indent)
    return "number" if kind == "integer" else kind or "unknown"


def _array(schema: Schema, indent: str) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(_type(item, indent) for item in schema['prefixItems'])}]"
    item = _type(schema.get("items", {}), indent)
    return f"({item})[]" if "|" in item else f"{item}[]"


def _object(schema: Schema, indent: str) -> str:
    if not schema.get("properties"):
        rest = schema.get("additionalProperties")
        values = "never" if rest is False else _type(rest, indent) if isinstance(rest, dict) else "unknown"
        return f"Record<string, {values}>"
    inner = indent + "  "
    required = schema.get("required", [])
    lines = [
        f"{_comment(field, inner)}{inner}{_key(name)}{'' if name in required else '?'}: {_type(field, inner)};\n"
        for name, field in schema["properties"].items()
    ]
    return "{\n" + "".join(lines) + indent + "}"


def _union(types: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(types))


def _comment(schema: Schema, indent: str) -> str:
    text = ("@deprecated " if schema.get("deprecated") else "") + schema.get("description", "")
    lines = [line.strip() for line in text.replace("*/", "*\\/").strip().splitlines()]
    if len(lines) < 2:
        return f"{indent}/** {lines[0]} */\n" if lines else ""
    body = "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines)
    return f"{indent}/**\n{body}{indent} */\n"


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name) else json.dumps(name)
