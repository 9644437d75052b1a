"""`manage.py http_schema`: prints or writes the published description of the HTTP API."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from bridge.http.openapi import description, server
from bridge.management.commands.protocol_schema import as_json, publish

PUBLISHED = Path("docs/openapi.json")


class Command(BaseCommand):
    help = "Print the OpenAPI description of the HTTP API of this site."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help=f"write {PUBLISHED}")
        parser.add_argument("--check", action="store_true", help="fail if it is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"] or options["check"]:
            files = {PUBLISHED: lambda _: as_json(description())}
            publish(files, write=options["write"], command="http_schema")
        else:
            self.stdout.write(as_json(description(server=server())), ending="")
