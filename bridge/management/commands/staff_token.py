"""`manage.py staff_token`: creates and revokes tokens for programs that act for a staff user over HTTP."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from bridge.errors import BridgeError
from bridge.identity import staff_tokens

LONGEST = 400


class Command(BaseCommand):
    help = "Create a staff token for the HTTP API, or revoke one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", nargs="?", help="the name of the user for whom the program acts")
        parser.add_argument(
            "--days", type=int, default=30, help=f"the days until it expires, at most {LONGEST}"
        )
        parser.add_argument("--revoke", metavar="TOKEN", help="revoke this token")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["revoke"]:
            try:
                staff_tokens.revoke(options["revoke"])
            except BridgeError as refusal:
                raise CommandError(refusal.message) from None
            self.stdout.write("The token was revoked.")
            return
        if not 1 <= options["days"] <= LONGEST:
            raise CommandError(f"--days must be from 1 to {LONGEST}")
        users = get_user_model()._default_manager
        user: Any = users.filter(**{get_user_model().USERNAME_FIELD: options["user"] or ""}).first()
        if user is None or not user.is_active or not user.is_staff:
            raise CommandError(f"There is no active staff user named {options['user']!r}")
        self.stdout.write(staff_tokens.issue(user, lasts=timedelta(days=options["days"])))
