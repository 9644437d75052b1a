"""`manage.py purge_files`: delete uploads that nobody sent, and files that no row knows."""

from typing import Any

from django.core.management.base import BaseCommand

from bridge.chat import retention


class Command(BaseCommand):
    help = "Delete uploads that nobody sent within a day, and files in the storage that no row knows."

    def handle(self, *args: Any, **options: Any) -> None:
        unsent, orphans = retention.purge_unsent(), retention.purge_orphans()
        self.stdout.write(f"{unsent} uploads that nobody sent, {orphans} files that no row knew.")
