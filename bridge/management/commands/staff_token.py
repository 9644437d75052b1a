"""Tokens for programs that do over HTTP what a user of staff may do."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from bridge.errors import BridgeError
from bridge.identity import staff_tokens

LONGEST = 400


class Command(BaseCommand):
    help = "Make a token for the HTTP API, or take one back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", nargs="?", help="the user name of who the program works for")
        parser.add_argument("--days", type=int, default=30, help=f"how long it counts, {LONGEST} at most")
        parser.add_argument("--revoke", metavar="TOKEN", help="let this one count no more")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["revoke"]:
            try:
                staff_tokens.revoke(options["revoke"])
            except BridgeError as refusal:
                raise CommandError(refusal.message) from None
            self.stdout.write("It counts no more.")
            return
        if not 1 <= options["days"] <= LONGEST:
            raise CommandError(f"--days is from 1 to {LONGEST}")
        users = get_user_model()._default_manager
        user: Any = users.filter(**{get_user_model().USERNAME_FIELD: options["user"] or ""}).first()
        if user is None or not user.is_active or not user.is_staff:
            raise CommandError(f"There is no active user of staff called {options['user']!r}")
        self.stdout.write(staff_tokens.issue(user, lasts=timedelta(days=options["days"])))
