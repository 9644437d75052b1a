"""Inboxes: staff configure them here."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bridge.admin import words
from bridge.admin.validators import (
    validate_channel_id,
    validate_media_type,
    validate_origin,
    validate_role_id,
    words_of,
)
from bridge.admin.words import conversation_link, moment
from bridge.infra.bodies import LARGEST_UPLOAD
from bridge.infra.redis import RedisError
from bridge.models import Connection, Inbox
from bridge.presence import online

MOST_SHOWN = 50
"""How many online visitors are listed by name."""


class InboxForm(forms.ModelForm[Inbox]):
    new_secret = forms.BooleanField(
        label="New secret",
        required=False,
        help_text="Create a new secret. Everything signed with the previous one becomes invalid immediately.",
    )

    class Meta:
        widgets = {
            "greeting": forms.Textarea(attrs={"rows": 3}),
            "allowed_origins": forms.Textarea(attrs={"rows": 4}),
            "reserved_nicks": forms.Textarea(attrs={"rows": 3}),
            "staff_roles": forms.Textarea(attrs={"rows": 3}),
        }
        labels = {
            "discord_channel_id": "Discord channel ID",
            "email_after": "E-mail after",
            "email_from": "E-mail sender",
        }

    def clean_discord_channel_id(self) -> str:
        text: str = self.cleaned_data["discord_channel_id"]
        if text:
            validate_channel_id(text)
            rooms = Connection.objects.filter(kind=Connection.Kind.ROOM, endpoints__remote_id=text)
            if room := rooms.first():
                raise ValidationError(f"This channel belongs to the room “{room.name}”.")
        return text

    def clean_staff_roles(self) -> str:
        return "\n".join(words_of(self.cleaned_data["staff_roles"], validate_role_id))

    def clean_upload_types(self) -> str:
        text = self.cleaned_data["upload_types"].lower().replace(",", " ")
        return " ".join(words_of(text, validate_media_type))

    def clean_allowed_origins(self) -> str:
        """The origins as browsers send them: in lower case, without a path."""
        origins = words_of(self.cleaned_data["allowed_origins"], validate_origin)
        return "\n".join(dict.fromkeys(origin.rstrip("/").lower() for origin in origins))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("identity_required") and cleaned.get("identity") == Inbox.Identity.OFF:
            self.add_error(
                "identity_required", "Choose how visitors are identified. Otherwise nobody could chat here."
            )
        return cleaned

    def clean_max_upload(self) -> int:
        megabytes: int = self.cleaned_data["max_upload"]
        if megabytes > LARGEST_UPLOAD:
            raise ValidationError(
                f"Enter at most {LARGEST_UPLOAD}: the web server does not accept larger files."
            )
        return megabytes


@admin.register(Inbox)
class InboxAdmin(admin.ModelAdmin[Inbox]):
    """Inboxes cannot be deleted, because conversations belong to them. They can be turned off."""

    form = InboxForm
    list_display = (
        "name",
        "title",
        "enabled",
        "discord_channel_id",
        "in_discord",
        "limit_reached",
        "created_at",
    )
    ordering = ("name",)
    readonly_fields = ("secret", "who_is_online", "new_conversations", "in_discord")
    actions = ("rotate_secret",)
    limit_reached = words.moment_column("full_at", "last limit reached")
    fieldsets = (
        (None, {"fields": ("name", "enabled", "who_is_online")}),
        ("The chat page", {"fields": ("title", "greeting", "edit_window")}),
        ("Sites", {"fields": ("allowed_origins",)}),
        (
            "Identity",
            {"fields": ("identity", "identity_required", "secret", "new_secret")},
        ),
        ("New conversations", {"fields": ("new_conversations", "proof")}),
        ("Rooms", {"fields": ("reserved_nicks",)}),
        (
            "Discord",
            {
                "fields": (
                    "discord_channel_id",
                    "in_discord",
                    "staff_roles",
                    "mark_relayed",
                    "relay_bots",
                    "show_read",
                )
            },
        ),
        ("Visitors' messages in Discord", {"fields": ("invites", "link_previews")}),
        ("Moderation", {"fields": ("blocked_words", "links")}),
        ("Mail", {"fields": ("email_after", "email_from")}),
        ("Files", {"fields": ("max_upload", "upload_types")}),
    )

    class Media:
        css: ClassVar[dict[str, list[str]]] = {"all": ["bridge/admin.css"]}

    def get_readonly_fields(self, request: HttpRequest, obj: Inbox | None = None) -> tuple[str, ...]:
        """The name “default” is fixed: pages use it, and DISCORD_CHANNEL_ID is the channel of this inbox."""
        named = ("name",) if obj and obj.name == "default" else ()
        return (*self.readonly_fields, *named)

    def get_fieldsets(self, request: HttpRequest, obj: Inbox | None = None) -> Any:
        """Only superusers see the secret: everyone who knows it can be any visitor."""
        if request.user.is_superuser:
            return self.fieldsets
        hidden = {"secret", "new_secret"}
        return [
            (title, {"fields": tuple(field for field in options["fields"] if field not in hidden)})
            for title, options in self.fieldsets
        ]

    def save_model(self, request: HttpRequest, obj: Inbox, form: Any, change: bool) -> None:
        signed = obj.identity in {Inbox.Identity.JWT, Inbox.Identity.BOTH}
        renewed = request.user.is_superuser and form.cleaned_data.get("new_secret")
        if renewed or (signed and not obj.identity_secret):
            obj.renew_identity_secret()
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="secret for JWTs")
    def secret(self, inbox: Inbox) -> SafeString | str:
        if not inbox.identity_secret:
            return "Created when you choose JWTs."
        until = inbox.previous_identity_until if len(inbox.identity_secrets()) > 1 else None
        note = format_html(" The previous one is valid until {}.", moment(until)) if until else ""
        return format_html(
            "<details><summary>Show</summary><code>{}</code></details>{}", inbox.identity_secret, note
        )

    @admin.action(
        description="Create a new secret for JWTs; the previous one stays valid for 24 hours",
        permissions=["secret"],
    )
    def rotate_secret(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> None:
        for inbox in queryset.exclude(identity_secret=""):
            inbox.renew_identity_secret(keep=Inbox.ROTATION)
            inbox.save(
                update_fields=["identity_secret", "previous_identity_secret", "previous_identity_until"]
            )
            text = f"{inbox} has a new secret. The previous one stays valid for 24 hours."
            self.message_user(request, text, messages.SUCCESS)

    def has_secret_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.display(description="in Discord")
    def in_discord(self, inbox: Inbox) -> str:
        """What the bot found when it last checked."""
        if inbox.discord_trouble:
            return f"On hold, nothing is lost: {inbox.discord_trouble}"
        return inbox.discord_hint or "–"

    @admin.display(description="online now")
    def who_is_online(self, inbox: Inbox) -> SafeString | str:
        if not inbox.pk:
            return "–"
        try:
            count = online.count(inbox)
            visitors = online.sessions(inbox=inbox)[:MOST_SHOWN]
        except RedisError:
            return "Unknown, because Redis cannot be reached."
        latest = Connection.objects.filter(inbox=inbox, visitor__in=[session.visitor for session in visitors])
        links = {row.visitor: conversation_link(row) for row in latest.select_related("inbox").order_by("pk")}
        rows = [
            (_name(session), moment(session.since), links.get(session.visitor, "")) for session in visitors
        ]
        listed = format_html_join("", "<li>{}, since {} {}</li>", rows)
        return format_html(
            "{} ({} identified)<ul class='bridge-online'>{}</ul>", count.visitors, count.identified, listed
        )

    @admin.display(description="recently opened")
    def new_conversations(self, inbox: Inbox) -> SafeString | str:
        return words.openings(inbox) if inbox.pk else "–"


def _name(visitor: online.Online) -> str:
    contact = visitor.contact
    return str(contact) if contact and (contact.name or contact.email) else "anonymous"
