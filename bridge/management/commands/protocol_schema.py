"""`manage.py protocol_schema`: prints or writes the published description of the wire protocol.

There are three formats, and the tables in its documentation.
"""

import json
import re
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
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

BEGIN, END = re.compile(r"<!-- generated: (\w+) -->\n"), "<!-- end -->\n"


def as_json(description: Schema) -> str:
    return json.dumps(description, indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, tuple[Path, Callable[[Described], str]]] = {
    "jsonschema": (Path("docs/protocol.schema.json"), lambda of: as_json(schemas.schema(of))),
    "asyncapi": (Path("docs/asyncapi.json"), lambda of: as_json(schemas.document(of))),
    "typescript": (Path("static/bridge/protocol.d.ts"), schemas.types),
}
"""For each format, the file in which it is published, and the function that generates it."""


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
        described = schemas.ours()
        files = {
            path: lambda _, generate=generate: generate(described) for path, generate in FORMATS.values()
        }
        publish({REFERENCE: with_tables, **files}, write=options["write"], command="protocol_schema")


def publish(files: Mapping[Path, Callable[[str], str]], *, write: bool, command: str) -> None:
    """Write these files of ChatBridge's repository, or raise CommandError if one is out of date.

    Each function gets the current text of its file, and returns the text that it should have.
    """
    root, first = Path(getattr(settings, "BASE_DIR", ".")), next(iter(files))
    if not (root / first).is_file():
        raise CommandError(f"There is no {first} here: only ChatBridge's own repository has it.")
    for name, generate in files.items():
        path = root / name
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        text = generate(present)
        if write:
            path.write_text(text, encoding="utf-8")
        elif text != present:
            raise CommandError(f"{name} is out of date: run manage.py {command} --write")


def with_tables(text: str) -> str:
    """The protocol reference with newly generated tables."""
    ours = schemas.ours()
    payloads, definitions = ours.payloads(refer="{model}")
    fields = {
        key: _fields(definitions.get(payload.get("$ref", ""), payload)) for key, payload in payloads.items()
    }
    commands = "| Command | Payload | Reply | Throttle |\n|---|---|---|---|\n"
    for name, throttle in ((entry.name, entry.throttle) for entry in ours.commands):
        limit = THROTTLES[throttle].visitor
        commands += f"| `{name}` | {fields['command', name]} | {fields['reply', name]} "
        commands += f"| {limit.amount} in {limit.seconds:g} s |\n"
    events = "| Event | Beside the payload | Payload |\n|---|---|---|\n"
    for name in EVENTS:
        beside = " · ".join(f"`{field}`" for field in envelope(name)) or "–"
        events += f"| `{name}` | {beside} | {fields['event', name]} |\n"
    tables = {"commands": commands, "events": events, "codes": "".join(f"- `{code}`\n" for code in Code)}
    before, *rest = BEGIN.split(text)
    names, texts = rest[::2], rest[1::2]
    if sorted(names) != sorted(tables) or not all(END in section for section in texts):
        raise CommandError(
            f"{REFERENCE} needs exactly one place for each of these tables: {', '.join(tables)}."
        )
    for name, text in zip(names, texts, strict=True):
        before += f"<!-- generated: {name} -->\n{tables[name]}{END}{text.partition(END)[2]}"
    return before


def _fields(of: Schema) -> str:
    required = of.get("required", [])
    names = [f"`{name}`" if name in required else f"`{name}?`" for name in of.get("properties", {})]
    return " · ".join(names) or "–"
