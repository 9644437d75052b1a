"""`manage.py purge_files`: deletes uploads that were never sent, and files without a row."""

from typing import Any

from django.core.management.base import BaseCommand

from bridge.chat import retention


class Command(BaseCommand):
    help = "Delete uploads that were not sent within a day, and files in the storage without a row in the database."

    def handle(self, *args: Any, **options: Any) -> None:
        unsent, orphans = retention.purge_unsent(), retention.purge_orphans()
        self.stdout.write(f"Deleted {unsent} unsent uploads and {orphans} files without a row.")
