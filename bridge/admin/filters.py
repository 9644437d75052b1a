"""The filters of the history lists."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django.contrib.admin import ListFilter, ModelAdmin, SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date

from bridge.conf import settings
from bridge.infra.keyset import narrowed
from bridge.models import WEB, Inbox

FROM, TO = "from", "to"


class Narrowing(SimpleListFilter):
    """A filter that is checked for each row that the list looks at, because no index answers it."""

    path: ClassVar[str]
    bare: ClassVar[bool] = False
    """Whether the path is a column of the row itself, without an index."""

    @classmethod
    def parameters(cls) -> list[str]:
        return [str(cls.parameter_name)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        if value not in dict(self.lookup_choices):
            raise IncorrectLookupParameters(f"{self.parameter_name}={value}")
        return queryset.filter(**{self.path: value}) if self.bare else narrowed(queryset, self.path, value)


class ByInbox(Narrowing):
    title = parameter_name = "inbox"
    path = "connection__inbox_id"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Inbox.objects.order_by("name").values_list("pk", "name")]


class ConnectionByInbox(ByInbox):
    path = "inbox_id"


class DeliveryByInbox(ByInbox):
    path = "message__connection__inbox_id"


class ByState(Narrowing):
    title = parameter_name = path = "state"
    bare = True

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in model_admin.model.State.choices]


class ByService(Narrowing):
    """Filters by the service that it goes to."""

    title = parameter_name = path = "service"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(settings.BRIDGE_SERVICES)]


class MessageByService(ByService):
    """Filters by the service that it came from, including the web."""

    bare = True

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(WEB, WEB), *super().lookups(request, model_admin)]


class ConnectionByService(ByService):
    path = "endpoints__service"


class DeliveryByService(ByService):
    path = "endpoint__service"


class Dates(ListFilter):
    """Filters by date, from one day to another, both included. The list has this order, so no rows are read in vain."""

    title = "date"
    template = "admin/bridge/dates_filter.html"

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: ModelAdmin[Any]
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.column = model_admin.keyset.columns[0]  # type: ignore[attr-defined]  # a HistoryAdmin
        for name in self.parameters():
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]
        self.first, self.last = self._day(FROM), self._day(TO)
        self.others: list[tuple[str, Any]] = []

    @classmethod
    def parameters(cls) -> list[str]:
        return [FROM, TO]

    def _day(self, name: str) -> date | None:
        text = str(self.used_parameters.get(name, ""))
        if not text:
            return None
        try:
            day = parse_date(text)
        except ValueError:
            day = None
        if day is None or not 1970 < day.year < 9000:
            raise IncorrectLookupParameters(f"{name}={text}")
        return day

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [*self.parameters()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.first:
            queryset = queryset.filter(**{f"{self.column}__gte": _midnight(self.first)})
        if self.last:
            queryset = queryset.filter(**{f"{self.column}__lt": _midnight(self.last + timedelta(days=1))})
        return queryset

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        own = self.parameters()
        self.others = [(name, value) for name, value in changelist.params.items() if name not in own]
        self.zone = timezone.get_current_timezone_name()
        today = timezone.localdate()
        for label, days in (("Any date", None), ("Today", 0), ("Past 7 days", 6), ("Past 30 days", 29)):
            first = None if days is None else today - timedelta(days=days)
            yield {
                "selected": first == self.first and self.last is None,
                "query_string": changelist.get_query_string({FROM: first, TO: None}),
                "display": label,
            }


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
