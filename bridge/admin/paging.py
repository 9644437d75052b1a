"""Change lists whose page takes as long at a million rows as at ten thousand: nothing counted or skipped.

A page starts where the one before it ended (`?before=`). A filter or a text that no index answers walks a
stretch of the list, so many rows at most; the page says how far that went and offers to go on from there.
Dates are bounds of the walk itself.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.admin import ModelAdmin, ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import Http404, HttpRequest

from bridge.admin.filters import Dates, Narrowing
from bridge.admin.finding import Found

STRETCH = 10_000
"""Rows looked at for the first page: some 25 ms on SQLite where none of them fits."""
FURTHER = 100_000
"""The same for each later page: somebody chose to wait for it."""
BEFORE = "before"

Key = tuple[Any, ...]


class KeysetChangeList(ChangeList):
    """`model_admin.keys`, newest first, are the columns of an index: one or two, the primary key last."""

    model_admin: "HistoryAdmin"
    found: Found
    stretch = STRETCH
    """How many rows a walk looks at."""
    older: str = ""
    """The query string of the next page; empty on the last one."""
    looked_back_to: Any = None
    """Where the walk ended before the list did."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = self.model_admin.title
        # The search form repeats what is left in here, and another search starts at the newest row.
        self.later_page = self.params.pop(BEFORE, None) is not None

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        return [f"-{key}" for key in self.model_admin.keys]

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        lookups: dict[str, Any] = super().get_filters_params(params)
        lookups.pop(BEFORE, None)
        return lookups

    def get_query_string(
        self, new_params: dict[str, Any] | None = None, remove: Iterable[str] | None = None
    ) -> str:
        """Another filter starts at the newest row again."""
        return super().get_query_string({BEFORE: None, **(new_params or {})}, remove)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        self.found = self.model_admin.find(self.query.strip())
        queryset: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return queryset if self.found.condition is None else queryset.filter(self.found.condition)

    def get_results(self, request: HttpRequest) -> None:
        keys, size = self.model_admin.keys, self.list_per_page
        start = self._start()
        self.stretch = FURTHER if start else STRETCH
        rows, end = self.queryset, None
        if self._walks():
            walk = self._dated(request).order_by(*self.get_ordering(request, rows))
            ends = _before(walk, keys, start).values_list(*keys)[self.stretch - 1 : self.stretch + 1]
            # Two of them: there is more behind the last row of the walk.
            end = ends[0] if len(ends) == 2 else None
            rows = rows if end is None else rows.filter(_reaches(keys, end))
        page = list(_before(rows, keys, start).prefetch_related(*self.model_admin.list_prefetch)[: size + 1])
        if len(page) > size:
            self.older = self.get_query_string({BEFORE: _token(_key(page[size - 1], keys))})
        elif end is not None:
            self.looked_back_to = end[0]
            self.older = self.get_query_string({BEFORE: _token(end)})
        self._show(page[:size])

    def _walks(self) -> bool:
        """Whether rows are left out by something that no index answers."""
        narrowed = any(isinstance(each, Narrowing) and each.value() for each in self.filter_specs)
        return narrowed or self.found.walks

    def _dated(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows among which the walk counts its steps."""
        rows: QuerySet[Any] = self.root_queryset
        for each in self.filter_specs:
            if isinstance(each, Dates):
                rows = each.queryset(request, rows)
        return rows

    def _start(self) -> Key | None:
        text = self.params.get(BEFORE)
        if text is None:
            return None
        try:
            return _parse(text, self.model_admin.keys)
        except ValueError as error:
            raise IncorrectLookupParameters from error

    def _show(self, page: list[Any]) -> None:
        """What Django's own templates ask for. There is nothing to page through by number."""
        self.result_list = page
        self.result_count = len(page)
        self.show_full_result_count = False
        # The same as result_count: "12 results (Show all)" would be about this page only.
        self.full_result_count = len(page)
        self.show_admin_actions = bool(page)
        self.can_show_all = self.multi_page = False
        self.paginator = Paginator(page, max(1, len(page)))

    @property
    def newest(self) -> str:
        """The query string of the first page; empty on it."""
        return self.get_query_string() if self.later_page else ""


class HistoryAdmin(ModelAdmin[Any]):
    """A list of what happened. Nobody adds, changes or deletes any of it here, superusers included."""

    title: ClassVar[str]
    keys: ClassVar[Sequence[str]] = ("id",)
    list_prefetch: ClassVar[Sequence[str]] = ()
    list_per_page = 50
    sortable_by = ()
    show_full_result_count = False
    # "Show counts" beside the filters would count the table for each of them.
    show_facets = ShowFacets.NEVER
    # Only makes the search box appear: `find` does the searching.
    search_fields = ("pk",)
    change_list_template = "admin/bridge/history_list.html"

    def find(self, term: str) -> Found:
        """What the search box means here."""
        raise NotImplementedError

    def viewed(self, request: HttpRequest, object_id: str) -> Any:
        """The row, for whoever may see it."""
        row = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            raise Http404(f"{self.opts.verbose_name} {object_id} does not exist")
        return row

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """KeysetChangeList has searched already."""
        return queryset, False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Nothing but the filters shown: any other lookup in an address could scan the table."""
        return any(lookup in each.parameters() for each in self.get_list_filter(request))  # type: ignore[arg-type, union-attr]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def _key(row: Any, keys: Sequence[str]) -> Key:
    return tuple(getattr(row, each) for each in keys)


def _before(rows: QuerySet[Any], keys: Sequence[str], key: Key | None) -> QuerySet[Any]:
    """The rows after `key` in the list. The first column's own bound is what the index is entered by."""
    if key is None:
        return rows
    if len(keys) == 1:
        return rows.filter(**{f"{keys[0]}__lt": key[0]})
    first, last = keys
    ties = Q(**{f"{first}__lt": key[0]}) | Q(**{f"{last}__lt": key[1]})
    return rows.filter(ties, **{f"{first}__lte": key[0]})


def _reaches(keys: Sequence[str], key: Key) -> Q:
    """The rows up to `key` in the list, itself included."""
    if len(keys) == 1:
        return Q(**{f"{keys[0]}__gte": key[0]})
    first, last = keys
    ties = Q(**{f"{first}__gt": key[0]}) | Q(**{f"{last}__gte": key[1]})
    return Q(ties, **{f"{first}__gte": key[0]})


def _token(key: Key) -> str:
    return "_".join(each.isoformat() if isinstance(each, datetime) else str(each) for each in key)


def _parse(token: str, keys: Sequence[str]) -> Key:
    """Raises ValueError for what is no key of this list."""
    *moments, pk = token.split("_")
    if len(moments) != len(keys) - 1 or not pk.isdecimal() or len(pk) > 18:
        raise ValueError(f"{token!r} is not a position in this list")
    key = tuple(datetime.fromisoformat(each) for each in moments)
    if any(each.tzinfo is None for each in key):
        raise ValueError(f"{token!r} has no time zone")
    return (*key, int(pk))
