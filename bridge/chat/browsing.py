"""Conversations as staff look through them: latest activity first, a page at a time, each from where the last ended.

A filter that no index answers looks at a stretch of the list at most; the next page goes on from there.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import OuterRef, Q, QuerySet, Subquery

from bridge.models import Connection

STRETCH = 10_000
"""Rows looked at for one page: some 25 ms on SQLite where none of them fits."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Place(NamedTuple):
    """Where a page ended."""

    active_at: datetime
    pk: int

    def __str__(self) -> str:
        return f"{(self.active_at - _EPOCH) // timedelta(microseconds=1)}-{self.pk}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Of what `str` made of one: digits, a hyphen, digits. Raises ValueError for what is no time."""
        moment, _, pk = text.partition("-")
        try:
            return cls(_EPOCH + timedelta(microseconds=int(moment)), int(pk))
        except OverflowError:
            raise ValueError("it is no place in this list") from None


def conversations(
    *, inbox: str = "", state: str = "", kind: str = "", before: Place | None = None, limit: int
) -> tuple[list[Connection], Place | None]:
    """A page of those that fit, and where the next one begins; None where nothing comes after it.

    A page may have fewer than `limit`, or none, and still be followed by another.
    """
    everything = _from(Connection.objects.order_by("-active_at", "-id"), before)
    rows = everything.select_related("inbox")
    for path, value in (("inbox__name", inbox), ("state", state), ("kind", kind)):
        rows = _asked(rows, path, value) if value else rows
    end: Place | None = None
    if inbox or state or kind:
        ends = everything.values_list("active_at", "id")[STRETCH - 1 : STRETCH + 1]
        # Two of them: there is more behind the last row of the stretch.
        end = Place(*ends[0]) if len(ends) == 2 else None
        if end is not None:
            rows = rows.filter(_reaches(end))
    page = list(rows[: limit + 1])
    if len(page) > limit:
        last = page[limit - 1]
        return page[:limit], Place(last.active_at, last.pk)
    return page, end


def _asked(rows: QuerySet[Connection], path: str, value: str) -> QuerySet[Connection]:
    """Asked of each row that the list walks over. Of a joined or indexed column the planner may start there, gather
    all that fits, and sort that for one page."""
    of_each = Connection.objects.filter(pk=OuterRef("pk")).values(path)[:1]
    return rows.alias(**{f"asked_{path}": Subquery(of_each)}).filter(**{f"asked_{path}": value})


def _from(rows: QuerySet[Connection], place: Place | None) -> QuerySet[Connection]:
    """Those after it. The first column's own bound is what the index is entered by."""
    if place is None:
        return rows
    ties = Q(active_at__lt=place.active_at) | Q(pk__lt=place.pk)
    return rows.filter(ties, active_at__lte=place.active_at)


def _reaches(place: Place) -> Q:
    ties = Q(active_at__gt=place.active_at) | Q(pk__gte=place.pk)
    return Q(ties, active_at__gte=place.active_at)
