"""Inboxes, the one thing that is configured in the admin."""

import ipaddress
import re
import uuid
from collections.abc import Collection
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bridge.admin import words
from bridge.admin.words import conversation_link, moment
from bridge.infra.bodies import LARGEST_UPLOAD
from bridge.infra.redis import RedisError
from bridge.models import Connection, Inbox
from bridge.presence import online

MOST_SHOWN = 50
"""Visitors who are named as online."""

_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE)

_ROLE = re.compile(r"[0-9]{15,20}")

_MEDIA_TYPE = re.compile(r"(\*|[a-z]+)/(\*|[\w.+-]+)")


class InboxForm(forms.ModelForm[Inbox]):
    new_secret = forms.BooleanField(
        label="New secret",
        required=False,
        help_text="Create a new secret. Everything signed with the previous one becomes invalid immediately.",
    )

    class Meta:
        model = Inbox
        fields = (
            "name",
            "title",
            "greeting",
            "enabled",
            "discord_channel_id",
            "allowed_origins",
            "reserved_nicks",
            "staff_roles",
            "mark_relayed",
            "relay_bots",
            "invites",
            "link_previews",
            "show_read",
            "max_upload",
            "upload_types",
            "identity",
            "identity_required",
            "proof",
            "email_after",
            "email_from",
        )
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
        text: str = self.cleaned_data["discord_channel_id"].strip()
        if text:
            channel_id(text)
            rooms = Connection.objects.filter(kind=Connection.Kind.ROOM, endpoints__remote_id=text)
            if room := rooms.first():
                raise ValidationError(f"This channel belongs to the room “{room.name}”.")
        return text

    def clean_staff_roles(self) -> str:
        """Ids of roles, one a line."""
        words = self.cleaned_data["staff_roles"].split()
        if mistakes := [word for word in words if not (word.isascii() and _ROLE.fullmatch(word))]:
            raise ValidationError(
                [
                    f"“{word}” is not the ID of a role. In Discord, turn on Developer Mode, open Server Settings, "
                    "Roles, and choose “Copy Role ID” in the role’s menu."
                    for word in mistakes
                ]
            )
        return "\n".join(dict.fromkeys(words))

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

    def clean_upload_types(self) -> str:
        """Media types, each once."""
        words = self.cleaned_data["upload_types"].lower().replace(",", " ").split()
        mistakes = [
            f"“{word}” is not a media type. Write media types as image/png or image/*."
            for word in words
            if not _MEDIA_TYPE.fullmatch(word)
        ]
        if mistakes:
            raise ValidationError(mistakes)
        return " ".join(dict.fromkeys(words))

    def clean_allowed_origins(self) -> str:
        """One origin a line, as browsers send them: lower case, no path."""
        lines = self.cleaned_data["allowed_origins"].split()
        mistakes = [f"“{line}”: {mistake}" for line in lines if (mistake := origin_mistake(line))]
        if mistakes:
            raise ValidationError(mistakes)
        return "\n".join(dict.fromkeys(line.rstrip("/").lower() for line in lines))


def channel_id(text: str) -> str:
    """The id as Discord has it. Raises ValidationError, which says where to find it."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and 15 <= len(text) <= 20):
        raise ValidationError(
            "A channel ID is a number of 15 to 20 digits. In Discord, turn on Developer Mode, right-click the "
            "channel and choose “Copy Channel ID”."
        )
    return text


def origin_mistake(text: str) -> str:
    """What keeps a text from being an origin; empty where it is one."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "this is not a valid address."
    if parts.scheme not in {"http", "https"}:
        return "an origin must begin with https:// or http://."
    if not host or not _is_host(host):
        return (
            "this has no valid host name. Write names in other scripts as browsers send them (xn--…), and do not "
            "use wildcards."
        )
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "?" in text or "#" in text:
        return f"an origin must not contain a path: {parts.scheme}://{parts.netloc}"
    if "@" in parts.netloc:
        return "an origin must not contain a user name."
    return ""


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return True
    return bool(_HOST.fullmatch(host))


@admin.register(Inbox)
class InboxAdmin(admin.ModelAdmin[Inbox]):
    """No deleting: its conversations belong to it. Switched off, it opens no new ones."""

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
        """Pages ask for an inbox by its name, and "default" gets its channel from DISCORD_CHANNEL_ID."""
        named = ("name",) if obj and obj.name == "default" else ()
        return (*self.readonly_fields, *named)

    def get_fieldsets(self, request: HttpRequest, obj: Inbox | None = None) -> Any:
        """Whoever has the secret can be any visitor: it is the superusers' alone."""
        if request.user.is_superuser:
            return self.fieldsets
        hidden = {"secret", "new_secret"}
        return [
            (title, {"fields": tuple(each for each in options["fields"] if each not in hidden)})
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

    @admin.action(description="Create a new secret for JWTs; the previous one stays valid for 24 hours")
    def rotate_secret(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> None:
        for inbox in queryset.exclude(identity_secret=""):
            inbox.renew_identity_secret(keep=Inbox.ROTATION)
            inbox.save(
                update_fields=["identity_secret", "previous_identity_secret", "previous_identity_until"]
            )
            text = f"{inbox} has a new secret. The previous one stays valid for 24 hours."
            self.message_user(request, text, messages.SUCCESS)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Whoever has the secret can be any visitor: it is the superusers' alone."""
        return super().get_actions(request) if request.user.is_superuser else {}

    @admin.display(description="in Discord")
    def in_discord(self, inbox: Inbox) -> str:
        """As the bot found it when it last looked."""
        if inbox.discord_trouble:
            return f"On hold, nothing is lost: {inbox.discord_trouble}"
        return inbox.discord_hint or "–"

    @admin.display(description="online now")
    def who_is_online(self, inbox: Inbox) -> SafeString | str:
        if not inbox.pk:
            return "–"
        try:
            count = online.count(inbox)
            found = online.sessions(inbox=inbox)[:MOST_SHOWN]
        except RedisError:
            return "Unknown, because Redis cannot be reached."
        places = _places(inbox.pk, [each.visitor for each in found])
        rows = [(_called(each), moment(each.since), places.get(each.visitor, "")) for each in found]
        listed = format_html_join("", "<li>{}, since {} {}</li>", rows)
        return format_html(
            "{} ({} identified)<ul class='bridge-online'>{}</ul>", count.visitors, count.identified, listed
        )

    @admin.display(description="last limit reached")
    def limit_reached(self, inbox: Inbox) -> SafeString | str:
        return moment(inbox.full_at)

    @admin.display(description="recently opened")
    def new_conversations(self, inbox: Inbox) -> SafeString | str:
        return words.openings(inbox) if inbox.pk else "–"


def _called(here: online.Online) -> str:
    return str(here.contact) if here.contact and (here.contact.name or here.contact.email) else "anonymous"


def _places(inbox: int, visitors: Collection[uuid.UUID]) -> dict[uuid.UUID, SafeString]:
    """Each one's latest conversation here."""
    his = Connection.objects.filter(inbox=inbox, visitor__in=visitors).select_related("inbox").order_by("pk")
    return {row.visitor: conversation_link(row) for row in his if row.visitor}
