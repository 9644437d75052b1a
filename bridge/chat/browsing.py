"""The list of conversations for staff: latest activity first, page by page, each from where the previous one ended.

A filter that no index answers looks at a limited stretch of the list; the next page continues from there.
"""

from django.db.models import QuerySet

from bridge.infra.keyset import STRETCH, Cursor, Keyset, Page, narrowed
from bridge.models import Connection

BY_ACTIVITY = Keyset("active_at", "id")


def conversations(
    *, inbox: str = "", state: str = "", kind: str = "", before: Cursor | None = None, limit: int
) -> Page[Connection]:
    """A page of matching conversations. It may have fewer than `limit`, or none, without being the last page."""
    rows: QuerySet[Connection] = Connection.objects.select_related("inbox")
    for path, value in (("inbox__name", inbox), ("state", state), ("kind", kind)):
        rows = narrowed(rows, path, value) if value else rows
    among = Connection.objects.all() if inbox or state or kind else None
    return BY_ACTIVITY.page(rows, after=before, limit=limit, among=among, stretch=STRETCH)
