"""The published description of the HTTP API."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bridge.http.openapi import description, server

PUBLISHED = Path("docs/openapi.json")


class Command(BaseCommand):
    help = "Print the OpenAPI description of the HTTP API of this site."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help=f"write {PUBLISHED}")
        parser.add_argument("--check", action="store_true", help="fail if it is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["write"] and not options["check"]:
            self.stdout.write(_as_json(description(server=server())), ending="")
            return
        path = Path(getattr(settings, "BASE_DIR", ".")) / PUBLISHED
        if not path.is_file():
            raise CommandError(f"There is no {PUBLISHED} here: only ChatBridge's own repository has it.")
        text = _as_json(description())
        if options["write"]:
            path.write_text(text, encoding="utf-8")
        elif path.read_text(encoding="utf-8") != text:
            raise CommandError(f"{PUBLISHED} is not current: run manage.py http_schema --write")


def _as_json(made: dict[str, Any]) -> str:
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"
