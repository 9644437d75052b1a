"""Keyset pagination: lists read a page at a time, each page from where the one before it ended.

Nothing is counted or skipped: a page takes as long at a million rows as at ten thousand, and rows that come or go
meanwhile shift none.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from django.db.models import Model, OuterRef, Q, QuerySet, Subquery

STRETCH = 10_000
"""Rows looked at for one page: some 25 ms on SQLite where none of them fits."""
_EPOCH, _TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
# Of eighteen digits: whatever they say, a bigint holds it.
_NUMBERS = re.compile(r"[0-9]{1,18}(-[0-9]{1,18})*")

Row = TypeVar("Row", bound=Model)


class Cursor(tuple[Any, ...]):
    """A place in a list: the sort key of a row. As text: microseconds since 1970 for a time, and numbers."""

    def __str__(self) -> str:
        *times, number = self
        return "-".join(map(str, [*((time - _EPOCH) // _TICK for time in times), number]))


class Page(NamedTuple, Generic[Row]):
    rows: list[Row]
    next: Cursor | None
    """Where the next page begins; None after the last one."""
    is_short: bool
    """Whether it ends because as many rows as allowed were looked at: it may be empty, and not the last."""


class Keyset:
    """The order of a list: newest first by these columns of an index. The last one is a number and unique, one before
    it a time."""

    def __init__(self, *columns: str) -> None:
        self.columns = columns
        self.order = [f"-{column}" for column in columns]

    def cursor(self, row: Model) -> Cursor:
        return Cursor(getattr(row, column) for column in self.columns)

    def parse(self, text: str) -> Cursor:
        """Raises ValueError for what is no place in a list of these columns."""
        numbers = [int(each) for each in text.split("-")] if _NUMBERS.fullmatch(text) else []
        try:
            times = [_EPOCH + each * _TICK for each in numbers[:-1]]
        except OverflowError:
            numbers = []
        if len(numbers) != len(self.columns):
            raise ValueError("This is not a position in this list.")
        return Cursor([*times, numbers[-1]])

    def after(self, rows: QuerySet[Row], cursor: Cursor | None) -> QuerySet[Row]:
        """The rows that come later in the list, in its order."""
        return (rows if cursor is None else rows.filter(self._beyond(cursor, "lt"))).order_by(*self.order)

    def page(
        self,
        rows: QuerySet[Row],
        *,
        after: Cursor | None = None,
        limit: int,
        among: QuerySet[Row] | None = None,
        stretch: int = 0,
    ) -> Page[Row]:
        """The next rows of the list.

        `among`: the list without those conditions of `rows` that no index answers. So many of its rows at most are
        looked at (`stretch`).
        """
        end = None
        if among is not None:
            ends = self.after(among, after).values_list(*self.columns)[stretch - 1 : stretch + 1]
            # Two of them: there is more behind the last row of the stretch.
            end = Cursor(ends[0]) if len(ends) == 2 else None
            rows = rows if end is None else rows.filter(self._beyond(end, "gt", or_at="e"))
        found = list(self.after(rows, after)[: limit + 1])
        if len(found) > limit:
            return Page(found[:limit], self.cursor(found[limit - 1]), is_short=False)
        return Page(found, end, is_short=end is not None)

    def _beyond(self, cursor: Cursor, side: str, *, or_at: str = "") -> Q:
        """The rows on one side of the cursor. The first column's own bound is what the index is entered by."""
        *first, (last, number) = zip(self.columns, cursor, strict=True)
        bound = Q(**{f"{last}__{side}{or_at}": number})
        for column, time in reversed(first):
            bound = Q(bound | Q(**{f"{column}__{side}": time}), **{f"{column}__{side}e": time})
        return bound


def narrowed(rows: QuerySet[Row], path: str, value: str) -> QuerySet[Row]:
    """The rows for which one value at this path is `value`, asked of each row that a page looks at.

    A correlated subquery, which neither database turns into a join. Joined, or asked of a column with an index, the
    planner may start there, gather all that fits, and sort it for one page.
    """
    of_each = rows.model._default_manager.filter(pk=OuterRef("pk"), **{path: value}).values(path)[:1]
    asked: QuerySet[Row] = rows.alias(**{f"asked_{path}": Subquery(of_each)})
    return asked.filter(**{f"asked_{path}": value})
