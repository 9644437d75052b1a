"""Refused e-mails: staff can read and delete them."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bridge.admin import words
from bridge.models import RefusedMail


@admin.register(RefusedMail)
class RefusedMailAdmin(admin.ModelAdmin[RefusedMail]):
    list_display = ("received", "sender", "subject", "reason", "detail", "inbox", "where")
    list_filter = ("reason", "inbox")
    list_select_related = ("inbox", "connection__inbox")
    list_display_links = ("received", "sender")
    ordering = ("-received_at",)
    fields = ("received", "sender", "recipient", "subject", "reason", "detail", "inbox", "where", "content")
    readonly_fields = fields
    # Without a search box, because the text comes from strangers.
    show_full_result_count = False
    received = words.moment_column("received_at", "received")

    def has_add_permission(self, request: HttpRequest, obj: RefusedMail | None = None) -> bool:
        return False

    has_change_permission = has_add_permission

    @admin.display(description="conversation")
    def where(self, mail: RefusedMail) -> SafeString | str:
        return words.conversation_link(mail.connection) if mail.connection else "–"
