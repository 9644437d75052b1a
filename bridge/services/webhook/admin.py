"""Webhooks in the admin: creating and testing them, and the result of the last event."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from yarl import URL

from bridge.admin import words
from bridge.chat.actions.opening import add_places
from bridge.errors import DeliveryFailed
from bridge.infra import addresses
from bridge.models import Connection, Webhook
from bridge.services.webhook.addresses import url_mistake
from bridge.services.webhook.events import place

MOST_TRIED = 3
"""Webhooks that are tested at once: each may take 15 seconds."""


class WebhookForm(forms.ModelForm[Webhook]):
    class Meta:
        model = Webhook
        fields = ("name", "inbox", "url", "enabled")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        if mistake := url_mistake(url):
            raise ValidationError(mistake)
        return url


@admin.register(Webhook)
class WebhookAdmin(admin.ModelAdmin[Webhook]):
    form = WebhookForm
    list_display = ("name", "inbox", "host", "enabled", "succeeded", "failed")
    list_filter = ("inbox", "enabled")
    list_select_related = ("inbox",)
    ordering = ("name",)
    actions = ("send_test_event", "rotate_secret")
    readonly_fields = ("host", "takes", "secret_now", "secret_before", "succeeded", "failed")

    def get_readonly_fields(self, request: HttpRequest, obj: Webhook | None = None) -> tuple[str, ...]:
        """The inbox cannot be changed, because the webhook has endpoints in its conversations."""
        return (*self.readonly_fields, "inbox") if obj else self.readonly_fields

    def get_fieldsets(self, request: HttpRequest, obj: Webhook | None = None) -> Any:
        may_change = obj is None or self.has_change_permission(request, obj)
        address = "url" if may_change else "host"
        fieldsets: list[Any] = [(None, {"fields": ("name", "inbox", address, "enabled")})]
        if obj is None:
            return fieldsets
        if may_change:
            description = "Both sides sign with it. Everyone who knows it can read and write as this webhook."
            secrets = ("secret_now", "secret_before")
            fieldsets.append(("Secret", {"fields": secrets, "description": description}))
        incoming = ("Incoming commands", {"fields": ("takes",)})
        return [*fieldsets, incoming, ("Results", {"fields": ("succeeded", "failed")})]

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.enabled and (not change or "enabled" in form.changed_data):
            # Add it to open conversations that began without it.
            connections = Connection.objects.filter(inbox=obj.inbox_id, state=Connection.State.OPEN)
            add_places("webhook", connections, lambda connection: place(obj, connection))

    @admin.display(description="address")
    def host(self, webhook: Webhook) -> str:
        """Without the path, because it may contain a key."""
        return URL(webhook.url).host or webhook.url

    @admin.display(description="POST to")
    def takes(self, webhook: Webhook) -> str:
        return addresses.origin() + addresses.path_to("bridge:webhook:take", webhook.uid)

    @admin.display(description="secret")
    def secret_now(self, webhook: Webhook) -> SafeString:
        return format_html("<code>{}</code>", webhook.secret)

    @admin.display(description="previous secret")
    def secret_before(self, webhook: Webhook) -> SafeString | str:
        if len(webhook.secrets()) < 2:
            return "–"
        until = words.moment(webhook.previous_until)
        return format_html("<code>{}</code> is valid until {}", webhook.previous_secret, until)

    @admin.display(description="last success")
    def succeeded(self, webhook: Webhook) -> SafeString | str:
        return words.moment(webhook.succeeded_at)

    @admin.display(description="last failure")
    def failed(self, webhook: Webhook) -> SafeString | str:
        if webhook.failed_at is None:
            return "–"
        return format_html("{} {}", words.moment(webhook.failed_at), webhook.failure)

    @admin.action(description="Send a test event", permissions=["change"])
    def send_test_event(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        # Imported here because its HTTP client takes a seventh of the start of a web process, which seldom needs it.
        from bridge.services.webhook.sending import send_test

        for webhook in queryset.select_related("inbox").order_by("name")[:MOST_TRIED]:
            try:
                send_test(webhook)
            except DeliveryFailed as failure:
                self.message_user(request, f"{webhook.name}: {failure.detail}", messages.ERROR)
            else:
                self.message_user(request, f"{webhook.name} accepted the event.", messages.SUCCESS)

    @admin.action(description="Create a new secret", permissions=["change"])
    def rotate_secret(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        for webhook in queryset:
            webhook.rotate()
            webhook.save(update_fields=["secret", "previous_secret", "previous_until"])
            text = f"{webhook.name} has a new secret. The previous one stays valid for 24 hours."
            self.message_user(request, text, messages.SUCCESS)
