"""The published description of the wire protocol: JSON Schema, and the tables in its documentation."""

import json
import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from bridge import protocol
from bridge.errors import Code
from bridge.registry import entries
from bridge.throttling import THROTTLES

SCHEMA = Path("docs/protocol.schema.json")
REFERENCE = Path("docs/protocol.md")

BEGIN, END = "<!-- generated: {} -->\n", "<!-- end -->\n"

ERROR = {
    "type": "object",
    "properties": {
        "reply": {"type": ["string", "null"]},
        "ok": {"const": False},
        "error": {
            "type": "object",
            "properties": {
                "code": {"enum": [str(code) for code in Code]},
                "message": {"type": "string"},
                "details": {"type": "object"},
            },
            "required": ["code", "message"],
            "additionalProperties": False,
        },
    },
    "required": ["reply", "ok", "error"],
    "additionalProperties": False,
}


class Command(BaseCommand):
    help = "Print the JSON Schema of the chat socket's protocol."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--write", action="store_true", help=f"write {SCHEMA} and the tables in {REFERENCE}"
        )
        parser.add_argument("--check", action="store_true", help="fail where they are not current")

    def handle(self, *args: Any, **options: Any) -> None:
        texts = {SCHEMA: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"}
        if not options["write"] and not options["check"]:
            self.stdout.write(texts[SCHEMA])
            return
        reference = settings.BASE_DIR / REFERENCE
        texts[REFERENCE] = with_tables(reference.read_text(encoding="utf-8"))
        for name, text in texts.items():
            path = settings.BASE_DIR / name
            if options["write"]:
                path.write_text(text, encoding="utf-8")
            elif not path.exists() or path.read_text(encoding="utf-8") != text:
                raise CommandError(f"{name} is not current: run manage.py protocol_schema --write")


def schema() -> dict[str, Any]:
    """Every command, reply and event. What a validator needs is in `$defs` under `command:`, `reply:`, `event:`."""
    frames: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    for name, entry in entries.items():
        payload, reply = entry.payload, entry.reply
        frames[f"command:{name}"] = _object(
            {
                "command": {"const": name},
                "id": {"type": "string", "maxLength": protocol.MAX_ID},
                "payload": _part(payload, shared),
            },
            required=["command", "id", *(["payload"] if _has_required(payload) else [])],
        )
        frames[f"reply:{name}"] = _object(
            {"reply": {"type": "string"}, "ok": {"const": True}, "payload": _part(reply, shared)}
        )
    frames["reply:error"] = ERROR
    for name, payload in protocol.EVENTS.items():
        frames[f"event:{name}"] = _object(
            {
                "event": {"const": name},
                "payload": _part(payload, shared),
                "connection": {"type": "string"},
                "since": {"type": "integer"},
                "revision": {"type": "integer"},
            },
            required=["event", "payload", *_envelope(name)],
        )
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": f"ChatBridge wire protocol, version {protocol.VERSION}",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in frames],
        "$defs": frames | dict(sorted(shared.items())),
    }


def _envelope(event: str) -> list[str]:
    """What stands beside the payload: a change says which revisions it covers, a passing thing does not."""
    if event == "presence.changed":
        return []
    return ["connection"] if event in protocol.PASSING else ["connection", "since", "revision"]


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


def _part(of: Any, shared: dict[str, Any]) -> dict[str, Any]:
    found = TypeAdapter(of).json_schema(ref_template="#/$defs/{model}")
    shared.update(found.pop("$defs", {}))
    return found


def _has_required(payload: type[protocol.Payload]) -> bool:
    return any(field.is_required() for field in payload.model_fields.values())


def with_tables(text: str) -> str:
    """The reference with its generated parts made anew."""
    for name, table in {"commands": _commands(), "events": _events(), "codes": _codes()}.items():
        begin = BEGIN.format(name)
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(END)}", re.DOTALL)
        if not pattern.search(text):
            raise CommandError(f"{REFERENCE} has no place for the table of {name}: {begin.strip()}")
        before, after = pattern.split(text)
        text = f"{before}{begin}{table}{END}{after}"
    return text


def _commands() -> str:
    rows = ["| Command | Payload | Reply | Throttle |", "|---|---|---|---|"]
    for name, entry in entries.items():
        limit = THROTTLES[entry.throttle].visitor
        rows.append(
            f"| `{name}` | {_fields(_part(entry.payload, {}))} | {_fields(_part(entry.reply, {}))} "
            f"| {limit.amount} in {limit.seconds:g} s |"
        )
    return "\n".join(rows) + "\n"


def _events() -> str:
    rows = ["| Event | Beside the payload | Payload |", "|---|---|---|"]
    for name, payload in protocol.EVENTS.items():
        beside = " · ".join(f"`{each}`" for each in _envelope(name)) or "–"
        rows.append(f"| `{name}` | {beside} | {_fields(_part(payload, {}))} |")
    return "\n".join(rows) + "\n"


def _codes() -> str:
    return "".join(f"- `{code}`\n" for code in Code)


def _fields(of: dict[str, Any]) -> str:
    required = of.get("required", [])
    names = [f"`{name}`" if name in required else f"`{name}?`" for name in of.get("properties", {})]
    return " · ".join(names) or "–"
