"""Conversations as staff look through them: latest activity first, a page at a time, each from where the last ended.

A filter that no index answers looks at a stretch of the list at most; the next page goes on from there.
"""

from django.db.models import QuerySet

from bridge.infra.keyset import STRETCH, Cursor, Keyset, Page, narrowed
from bridge.models import Connection

BY_ACTIVITY = Keyset("active_at", "id")


def conversations(
    *, inbox: str = "", state: str = "", kind: str = "", before: Cursor | None = None, limit: int
) -> Page[Connection]:
    """A page of those that fit. One may have fewer than `limit`, or none, and still be followed by another."""
    rows: QuerySet[Connection] = Connection.objects.select_related("inbox")
    for path, value in (("inbox__name", inbox), ("state", state), ("kind", kind)):
        rows = narrowed(rows, path, value) if value else rows
    among = Connection.objects.all() if inbox or state or kind else None
    return BY_ACTIVITY.page(rows, after=before, limit=limit, among=among, stretch=STRETCH)
