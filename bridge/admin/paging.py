"""Change lists whose pages take as long with a million rows as with ten thousand: nothing is counted or skipped.

A page starts where the previous one ended (`?before=`). For a filter or a text that no index answers, a limited number
of rows is looked at; the page says how far, and offers to continue from there. Dates limit these rows themselves.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ModelAdmin, ShowFacets
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.db.models.expressions import Combinable
from django.http import Http404, HttpRequest

from bridge.admin.filters import Dates, Narrowing
from bridge.admin.finding import Found
from bridge.infra.keyset import STRETCH, Cursor, Keyset

FURTHER = 100_000
"""Rows that are looked at for each page after the first, because the user has chosen to wait for it."""
BEFORE = "before"


def cursor_of(request: HttpRequest, before: str | None, keyset: Keyset) -> Cursor | None:
    """Where the page begins; None, with a warning, if `before` is not a position in this list."""
    if before is None:
        return None
    try:
        return keyset.parse(before)
    except ValueError as error:
        messages.warning(request, f"{error} The newest entries are shown.")
        return None


class KeysetChangeList(ChangeList):
    model_admin: "HistoryAdmin"
    found: Found
    stretch = STRETCH
    """How many rows are looked at for this page."""
    newest: str
    """The query string of the first page; empty on the first page."""
    older: str = ""
    """The query string of the next page; empty on the last page."""
    looked_back_to: Any = None
    """The time of the last row that was looked at, if the list continues after it."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        query = request.GET.copy()
        # Removed, because it is not a filter for Django, and another filter or search starts at the newest row.
        self.before = query.pop(BEFORE, [None])[-1]
        request.GET = query  # type: ignore[assignment]  # a copy can be changed
        super().__init__(request, *args, **kwargs)
        self.title = self.model_admin.title

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        return [*self.model_admin.keyset.order]

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        self.found = self.model_admin.find(self.query.strip())
        queryset: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return queryset if self.found.condition is None else queryset.filter(self.found.condition)

    def get_results(self, request: HttpRequest) -> None:
        start = cursor_of(request, self.before, self.model_admin.keyset)
        self.stretch = FURTHER if start else STRETCH
        page = self.model_admin.keyset.page(
            self.queryset.prefetch_related(*self.model_admin.list_prefetch),
            after=start,
            limit=self.list_per_page,
            among=self._among(request),
            stretch=self.stretch,
        )
        self.newest = self.get_query_string() if start else ""
        if page.next is not None:
            self.older = self.get_query_string({BEFORE: str(page.next)})
            self.looked_back_to = page.next[0] if page.is_short else None
        # These are for Django's templates. There are no page numbers.
        self.result_list = page.rows
        self.result_count = len(page.rows)
        self.show_full_result_count = False
        # The same as result_count. Otherwise "12 results (Show all)" would refer to this page only.
        self.full_result_count = len(page.rows)
        self.show_admin_actions = bool(page.rows)
        self.can_show_all = self.multi_page = False
        self.paginator = Paginator(page.rows, max(1, len(page.rows)))

    def _among(self, request: HttpRequest) -> QuerySet[Any] | None:
        """The rows of which a limited number is looked at; None if an index answers every condition."""
        narrowed = any(isinstance(spec, Narrowing) and spec.value() for spec in self.filter_specs)
        if not narrowed and not self.found.walks:
            return None
        rows: QuerySet[Any] = self.root_queryset
        for spec in self.filter_specs:
            if isinstance(spec, Dates):
                rows = spec.queryset(request, rows)
        return rows


class HistoryAdmin(ModelAdmin[Any]):
    """A list of past events. Nobody can add, change or delete them here, not even superusers."""

    title: ClassVar[str]
    find: "ClassVar[staticmethod[[str], Found]]"
    """The search of this list."""
    keyset: ClassVar[Keyset] = Keyset("id")
    list_prefetch: ClassVar[Sequence[str]] = ()
    list_display_links = None
    list_per_page = 50
    sortable_by = ()
    show_full_result_count = False
    # "Show counts" would count the table for each filter.
    show_facets = ShowFacets.NEVER
    # This only makes the search box appear; `find` searches.
    search_fields = ("pk",)
    change_list_template = "admin/bridge/history_list.html"

    def viewed(self, request: HttpRequest, object_id: str) -> Any:
        """The row, for users who may view it."""
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
        """Does nothing, because KeysetChangeList has already searched."""
        return queryset, False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only the filters of the list are allowed, because any other lookup in a URL could scan the table."""
        return any(lookup in list_filter.parameters() for list_filter in self.get_list_filter(request))  # type: ignore[arg-type, union-attr]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission
