"""The history lists: conversations, messages, failed deliveries, lines on hold."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from bridge.admin import conversation, filters, words
from bridge.admin.finding import find_connections, find_endpoints, find_messages
from bridge.admin.paging import HistoryAdmin
from bridge.chat.actions import close_connection, reopen_connection
from bridge.chat.actions.authors import user_in
from bridge.chat.actions.retrying import hurry_lines, retry_deliveries
from bridge.chat.browsing import BY_ACTIVITY
from bridge.identity.revocation import revoke_visitor
from bridge.infra.keyset import Keyset
from bridge.models import Connection, Delivery, Endpoint, Message

NAMES_AND_IDS = (
    "The beginning of a nick or a room’s name; or the ID of a conversation, its thread or a message."
)
MOST_AT_ONCE = 1000
"""Deliveries that are retried at once. Each of their conversations is locked meanwhile."""


@admin.register(Connection)
class ConnectionAdmin(HistoryAdmin):
    keyset = BY_ACTIVITY
    list_prefetch = ("inbox",)
    list_display = ("who", "kind", "state", "said", "active", "opened")
    list_filter = (filters.ConnectionByInbox, filters.ByState, filters.ConnectionByService, filters.Dates)
    search_help_text = (
        "The beginning of a nick or a room’s name; a visitor’s e-mail address; or the ID of a conversation (its "
        "code is enough), its thread, or a message here or there."
    )
    title = "Conversations, latest activity first"
    find = staticmethod(find_connections)
    active = words.moment_column("active_at", "last activity")
    opened = words.moment_column("created_at", "opened")

    @admin.display(description="conversation")
    def who(self, row: Connection) -> SafeString:
        return words.conversation_link(row)

    @admin.display(description="messages")
    def said(self, row: Connection) -> int:
        return row.last_seq

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The conversation itself instead of a form, because there is nothing to edit."""
        return conversation.show(self, request, self.viewed(request, object_id))

    def get_urls(self) -> list[URLPattern]:
        sign_out = self.admin_site.admin_view(require_POST(self.sign_out))
        turn = self.admin_site.admin_view(require_POST(self.turn))
        return [
            path("<path:object_id>/sign-out/", sign_out, name="bridge_connection_sign_out"),
            path("<path:object_id>/turn/", turn, name="bridge_connection_turn"),
            *super().get_urls(),
        ]

    def turn(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End a visitor's conversation, or reopen it."""
        row = self._private(request, object_id, permission=conversation.TURN)
        wants_open = request.POST.get("state") == Connection.State.OPEN
        change = reopen_connection if wants_open else close_connection
        if change(row, by=user_in(row, request.user)):
            ended = "The conversation was ended, and its visitor sees a notice."
            self._report(request, row, "The conversation was reopened." if wants_open else ended)
        elif wants_open and not Connection.objects.get(pk=row.pk).is_open:
            self.message_user(
                request, "The visitor has already begun a newer conversation.", messages.WARNING
            )
        return HttpResponseRedirect(words.conversation_url(row.pk))

    def sign_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Sign the visitor out everywhere: none of their tokens opens this conversation any more."""
        row = self._private(request, object_id, permission=conversation.SIGN_OUT)
        revoke_visitor(row.visitor)
        self._report(request, row, "The visitor was signed out everywhere.")
        return HttpResponseRedirect(words.conversation_url(row.pk))

    def _private(self, request: HttpRequest, object_id: str, *, permission: str) -> Any:
        """A visitor's conversation, for users with this permission."""
        if not request.user.has_perm(permission):
            raise PermissionDenied
        row = self.viewed(request, object_id)
        if row.visitor is None:
            raise Http404("This is not the conversation of a single visitor")
        return row

    def _report(self, request: HttpRequest, row: Connection, text: str) -> None:
        self.log_change(request, row, text)
        self.message_user(request, text, messages.SUCCESS)


class OfConversation(HistoryAdmin):
    """A list of rows without a page of their own, which are shown in their conversation."""

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(self.url_of(self.viewed(request, object_id)))

    def url_of(self, row: Any) -> str:
        return words.conversation_url(row.connection_id)

    @admin.display
    def conversation(self, row: Any) -> SafeString:
        return words.conversation_link(row.connection)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Viewing is not enough: retrying requires the permission “Can change …”."""
        return request.user.has_perm(f"bridge.change_{self.opts.model_name}")


@admin.register(Message)
class MessageAdmin(OfConversation):
    keyset = Keyset("created_at", "id")
    list_prefetch = ("author", "connection__inbox")
    list_display = ("when", "by", "text", "conversation", "became")
    list_filter = (filters.ByInbox, filters.ByState, filters.MessageByService, filters.Dates)
    search_help_text = (
        "A text; the beginning of its author's nick; or the ID of a message (here or there), of its "
        'conversation or thread. In "quotation marks" it is always searched as text.'
    )
    title = "Messages, newest first"
    find = staticmethod(find_messages)
    when = words.moment_column("created_at", "when")

    def url_of(self, row: Message) -> str:
        return words.message_url(row)

    @admin.display
    def by(self, row: Message) -> str:
        return f"{row.author.nick} ({row.author.role}, {row.service})" if row.author else "–"

    @admin.display(description="message")
    def text(self, row: Message) -> SafeString:
        return words.message_link(row)

    @admin.display(description="state")
    def became(self, row: Message) -> str:
        return f"{row.get_state_display()}. {words.reason(row.failure)}".rstrip(". ")


@admin.register(Delivery)
class DeliveryAdmin(OfConversation):
    """Only deliveries that failed permanently. Others need no attention."""

    list_prefetch = ("message__connection__inbox", "message__author", "endpoint")
    list_display = ("message_text", "conversation", "why", "since")
    list_filter = (filters.DeliveryByInbox, filters.DeliveryByService)
    search_help_text = NAMES_AND_IDS
    title = "Deliveries that failed, newest first"
    actions = ("try_again",)
    find = staticmethod(partial(find_endpoints, column="line", walks=True))
    since = words.moment_column("settled_at", "failed at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # `line` is for `find`. With the plain column, the database would read and sort the whole history of a line.
        rows: QuerySet[Any] = super().get_queryset(request).alias(line=F("endpoint_id") + 0)
        return rows.filter(outcome=Delivery.Outcome.FAILED)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without the text, for users who may not read messages."""
        shown = [str(name) for name in super().get_list_display(request)]
        return shown if request.user.has_perm(conversation.READ) else ["work", *shown[1:]]

    def url_of(self, row: Delivery) -> str:
        return words.message_url(row.message)

    @admin.display(description="what")
    def work(self, row: Delivery) -> str:
        return f"{row.operation} to {row.endpoint.service}"

    @admin.display(description="message")
    def message_text(self, row: Delivery) -> SafeString:
        link = words.message_link(row.message)
        return format_html(
            '{} <span class="bridge-code">{} to {}</span>', link, row.operation, row.endpoint.service
        )

    @admin.display
    def conversation(self, row: Delivery) -> SafeString:
        return words.conversation_link(row.message.connection)

    @admin.display(description="reason, and what to do")
    def why(self, row: Delivery) -> str:
        return f"{words.reason(row.reason)} ({row.detail})" if row.detail else words.reason(row.reason)

    @admin.action(description="Try again", permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        chosen = queryset.select_related("message").order_by("pk")[:MOST_AT_ONCE]
        count = retry_deliveries(chosen)
        deliveries = "1 delivery was" if count == 1 else f"{count} deliveries were"
        self.message_user(request, f"{deliveries} queued again.", messages.SUCCESS)


@admin.register(Endpoint)
class EndpointAdmin(OfConversation):
    """Lines on hold, with the reason. They are also retried automatically."""

    list_prefetch = ("connection__inbox",)
    list_display = ("conversation", "address", "what_for", "next_try")
    list_filter = (filters.ByInbox, filters.ByService)
    search_help_text = NAMES_AND_IDS
    title = "Endpoints on hold, and the reason"
    actions = ("try_now",)
    find = staticmethod(find_endpoints)
    next_try = words.moment_column("due", "next try")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).exclude(trouble="")

    @admin.display(description="endpoint")
    def address(self, row: Endpoint) -> SafeString:
        return format_html("{}: {}", row.service, words.place_link(row))

    @admin.display(description="reason")
    def what_for(self, row: Endpoint) -> str:
        return row.trouble

    @admin.action(description="Try now", permissions=["retry"])
    def try_now(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        hurry_lines(list(queryset.values_list("pk", flat=True)[:MOST_AT_ONCE]))
        self.message_user(request, "They will be retried within half a minute.", messages.SUCCESS)
