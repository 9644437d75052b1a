"""The published description of the wire protocol: three formats, and the tables in its documentation."""

import json
import re
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bridge import schemas
from bridge.errors import Code
from bridge.infra.limits import THROTTLES
from bridge.protocol.events import EVENTS
from bridge.schemas.described import Described, Schema, envelope

REFERENCE = Path("docs/protocol.md")

BEGIN, END = "<!-- generated: {} -->\n", "<!-- end -->\n"


def _as_json(made: Schema) -> str:
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, tuple[Path, Callable[[Described], str]]] = {
    "jsonschema": (Path("docs/protocol.schema.json"), lambda of: _as_json(schemas.schema(of))),
    "asyncapi": (Path("docs/asyncapi.json"), lambda of: _as_json(schemas.document(of))),
    "typescript": (Path("static/bridge/protocol.d.ts"), schemas.types),
}
"""The file that each is shipped as, and what makes it."""


class Command(BaseCommand):
    help = "Print the protocol of the chat socket, with the commands and events of all installed apps."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("format", nargs="?", choices=FORMATS, default="jsonschema")
        files = ", ".join(str(path) for path, _ in FORMATS.values())
        parser.add_argument(
            "--write",
            action="store_true",
            help=f"write {files} and the tables in {REFERENCE}, with ChatBridge's own alone",
        )
        parser.add_argument("--check", action="store_true", help="fail if they are out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["write"] and not options["check"]:
            self.stdout.write(FORMATS[options["format"]][1](schemas.everything()), ending="")
            return
        root = Path(getattr(settings, "BASE_DIR", "."))
        if not (root / REFERENCE).is_file():
            raise CommandError(
                f"There is no {REFERENCE} here: only ChatBridge's own repository has these files."
            )
        ours = schemas.ours()
        texts = {path: made(ours) for path, made in FORMATS.values()}
        texts[REFERENCE] = with_tables((root / REFERENCE).read_text(encoding="utf-8"))
        for name, text in texts.items():
            path = root / name
            if options["write"]:
                path.write_text(text, encoding="utf-8")
            elif not path.exists() or path.read_text(encoding="utf-8") != text:
                raise CommandError(f"{name} is not current: run manage.py protocol_schema --write")


def with_tables(text: str) -> str:
    """The reference with its generated parts made anew."""
    ours = schemas.ours()
    payloads, definitions = ours.payloads(refer="{model}")
    fields = {
        key: _fields(definitions.get(payload.get("$ref", ""), payload)) for key, payload in payloads.items()
    }
    commands = ["| Command | Payload | Reply | Throttle |", "|---|---|---|---|"]
    for entry in ours.commands:
        limit = THROTTLES[entry.throttle].visitor
        commands.append(
            f"| `{entry.name}` | {fields['command', entry.name]} | {fields['reply', entry.name]} "
            f"| {limit.amount} in {limit.seconds:g} s |"
        )
    events = ["| Event | Beside the payload | Payload |", "|---|---|---|"]
    for name in EVENTS:
        beside = " · ".join(f"`{each}`" for each in envelope(name)) or "–"
        events.append(f"| `{name}` | {beside} | {fields['event', name]} |")
    for name, lines in {
        "commands": commands,
        "events": events,
        "codes": [f"- `{code}`" for code in Code],
    }.items():
        text = _replaced(text, name, "\n".join(lines) + "\n")
    return text


def _replaced(text: str, name: str, table: str) -> str:
    begin = BEGIN.format(name)
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise CommandError(f"{REFERENCE} has no place for the table of {name}: {begin.strip()}")
    before, after = pattern.split(text)
    return f"{before}{begin}{table}{END}{after}"


def _fields(of: Schema) -> str:
    required = of.get("required", [])
    names = [f"`{name}`" if name in required else f"`{name}?`" for name in of.get("properties", {})]
    return " · ".join(names) or "–"
