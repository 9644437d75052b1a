"""Keyset pagination: reads a list page by page, each page from where the previous one ended.

Nothing is counted or skipped: a page takes as long with a million rows as with ten thousand, and rows that are added
or deleted in the meantime do not shift the pages.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from django.db.models import Model, OuterRef, Q, QuerySet, Subquery

STRETCH = 10_000
"""Rows that are looked at for one page. This takes about 25 ms on SQLite if none of them matches."""
_EPOCH, _TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
# Any number of eighteen digits fits into a bigint.
_NUMBERS = re.compile(r"[0-9]{1,18}(-[0-9]{1,18})*")

Row = TypeVar("Row", bound=Model)


class Cursor(tuple[Any, ...]):
    """A position in a list: the sort key of a row. As text, a time is in microseconds since 1970."""

    def __str__(self) -> str:
        *times, number = self
        return "-".join(map(str, [*((time - _EPOCH) // _TICK for time in times), number]))


class Page(NamedTuple, Generic[Row]):
    rows: list[Row]
    next: Cursor | None
    """Where the next page begins; None after the last page."""
    is_short: bool
    """Whether the page ended at the limit of rows to look at. It may be empty without being the last."""


class Keyset:
    """The order of a list: newest first by these columns of an index. The last column is a unique number, the others
    are times."""

    def __init__(self, *columns: str) -> None:
        self.columns = columns
        self.order = [f"-{column}" for column in columns]

    def cursor(self, row: Model) -> Cursor:
        return Cursor(getattr(row, column) for column in self.columns)

    def parse(self, text: str) -> Cursor:
        """The cursor for this text. Raises ValueError if it is not a position in a list of these columns."""
        numbers = [int(number) for number in text.split("-")] if _NUMBERS.fullmatch(text) else []
        try:
            times = [_EPOCH + number * _TICK for number in numbers[:-1]]
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

        `among`: the list without the conditions of `rows` that no index answers. At most `stretch` of its rows are
        looked at.
        """
        end = None
        if among is not None:
            ends = self.after(among, after).values_list(*self.columns)[stretch - 1 : stretch + 1]
            # If there are two, more rows follow the last row of the stretch.
            end = Cursor(ends[0]) if len(ends) == 2 else None
            rows = rows if end is None else rows.filter(self._beyond(end, "gt", or_at="e"))
        matches = list(self.after(rows, after)[: limit + 1])
        if len(matches) > limit:
            return Page(matches[:limit], self.cursor(matches[limit - 1]), is_short=False)
        return Page(matches, end, is_short=end is not None)

    def _beyond(self, cursor: Cursor, side: str, *, or_at: str = "") -> Q:
        """The rows on one side of the cursor. The database uses the bound of the first column to search the index."""
        *first, (last, number) = zip(self.columns, cursor, strict=True)
        bound = Q(**{f"{last}__{side}{or_at}": number})
        for column, time in reversed(first):
            bound = Q(bound | Q(**{f"{column}__{side}": time}), **{f"{column}__{side}e": time})
        return bound


def narrowed(rows: QuerySet[Row], path: str, value: str) -> QuerySet[Row]:
    """The rows that have `value` as one of the values at this path. This is checked for each row that a page looks at.

    It uses a correlated subquery, which neither database turns into a join. With a join, or with a column that has an
    index, the planner may start there, collect all matching rows, and sort them for one page.
    """
    of_each = rows.model._default_manager.filter(pk=OuterRef("pk"), **{path: value}).values(path)[:1]
    asked: QuerySet[Row] = rows.alias(**{f"asked_{path}": Subquery(of_each)})
    return asked.filter(**{f"asked_{path}": value})
