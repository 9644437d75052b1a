"""The published description of the HTTP API."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bridge.http.openapi import description

PUBLISHED = Path("docs/openapi.json")


class Command(BaseCommand):
    help = "Print the OpenAPI description of the HTTP API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help=f"write {PUBLISHED}")
        parser.add_argument("--check", action="store_true", help="fail where it is not current")

    def handle(self, *args: Any, **options: Any) -> None:
        text = json.dumps(description(), indent=2, ensure_ascii=False) + "\n"
        path = settings.BASE_DIR / PUBLISHED
        if options["write"]:
            path.write_text(text, encoding="utf-8")
        elif not options["check"]:
            self.stdout.write(text)
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            raise CommandError(f"{PUBLISHED} is not current: run manage.py http_schema --write")
