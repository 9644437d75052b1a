"""Rooms: staff create and change them, each with its Discord channel."""

import secrets
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet, Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bridge.admin import words
from bridge.admin.validators import validate_channel_id
from bridge.chat.actions.rooms import save_room
from bridge.models import Connection, Endpoint, Inbox, Message, Room

SERVICE = "discord"


class RoomForm(forms.ModelForm[Room]):
    channel = forms.CharField(
        label="Discord channel ID",
        max_length=20,
        validators=[validate_channel_id],
        help_text="The text channel whose members chat with the room's visitors. The bot must be able to view it "
        "and to manage its webhooks.",
    )
    is_open = forms.BooleanField(
        label="Open",
        required=False,
        initial=True,
        help_text="If turned off, nobody can enter the room or write in it. Its messages are preserved.",
    )
    new_link = forms.BooleanField(
        label="New address",
        required=False,
        help_text="For a room by link: create a new address. The old one stops working.",
    )

    class Meta:
        model = Room
        fields = ("inbox", "name", "slug", "topic", "access", "read_only", "slow_mode")
        widgets = {"topic": forms.Textarea(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # These are optional in the model, because private conversations are in the same table.
        for name in ("name", "slug"):
            if name in self.fields:
                self.fields[name].required = True
        if self.instance.pk:
            self.initial["channel"] = self._channel()
            self.initial["is_open"] = self.instance.is_open

    def _channel(self) -> str:
        endpoint = self.instance.endpoints.filter(service=SERVICE).first()
        return (endpoint and endpoint.remote_id) or ""

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"].lower()
        others = Room.objects.filter(slug=slug).exclude(pk=self.instance.pk)
        if others.exists():
            raise ValidationError("Another room already has this address.")
        return slug

    def clean_channel(self) -> str:
        channel: str = self.cleaned_data["channel"]
        if self.instance.pk and channel == self._channel():
            return channel
        taken = (
            Endpoint.objects.select_related("connection").filter(service=SERVICE, remote_id=channel).first()
        )
        if taken is not None:
            other = taken.connection
            what = (
                f"the room “{other.name}”" if other.kind == Connection.Kind.ROOM else "a private conversation"
            )
            raise ValidationError(f"This channel already belongs to {what}.")
        for inbox in Inbox.objects.all():
            if str(inbox.channel_id) == channel:
                raise ValidationError(
                    f"This channel has the private conversations of the inbox “{inbox}”. A room needs a channel of "
                    "its own."
                )
        if self.instance.pk and Message.objects.filter(connection=self.instance).exists():
            raise ValidationError(
                "This room already has messages in its channel. To use another channel, create another room."
            )
        return channel


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin[Room]):
    """Rooms cannot be deleted, because their messages are preserved. Nobody can enter a closed room."""

    form = RoomForm
    list_display = ("name", "address", "inbox", "access", "state", "read_only", "slow_mode", "said")
    list_filter = ("inbox", "state", "access")
    list_select_related = ("inbox",)
    search_fields = ("name", "slug")
    ordering = ("name",)
    readonly_fields = ("address", "history")
    fieldsets = (
        (None, {"fields": ("inbox", "name", "topic", "is_open")}),
        ("Address", {"fields": ("slug", "access", "new_link", "address")}),
        ("Rules for visitors", {"fields": ("read_only", "slow_mode")}),
        ("Discord", {"fields": ("channel",)}),
        ("Messages", {"fields": ("history",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Room | None = None) -> tuple[str, ...]:
        """The inbox cannot be changed, because the room's visitors and their nicks belong to it."""
        return (*self.readonly_fields, "inbox") if obj else self.readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        """Users who can only view rooms see no keys: with its key, everyone can read a room."""
        may_write = self.has_change_permission(request) or self.has_add_permission(request)
        return super().get_queryset(request).annotate(shows_key=Value(may_write))

    def save_model(self, request: HttpRequest, obj: Room, form: Any, change: bool) -> None:
        if obj.access == Connection.Access.LINK and (form.cleaned_data["new_link"] or not obj.link_key):
            obj.link_key = secrets.token_urlsafe(16)
        save_room(
            obj, endpoints={SERVICE: form.cleaned_data["channel"]}, is_open=form.cleaned_data["is_open"]
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display
    def address(self, room: Room) -> SafeString | str:
        if not room.pk:
            return "Created when you save the room."
        if not room.shows_key:  # type: ignore[attr-defined]  # annotated
            return reverse("bridge:room", args=[room.slug])
        key = [room.link_key] if room.access == Connection.Access.LINK else []
        return format_html('<a href="{0}">{0}</a>', reverse("bridge:room", args=[room.slug, *key]))

    @admin.display(description="messages")
    def said(self, room: Room) -> int:
        return room.last_seq

    @admin.display(description="conversation")
    def history(self, room: Room) -> SafeString | str:
        return words.conversation_link(room) if room.pk else "–"
