"""Blocks: staff list, add and delete them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import BigIntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bridge.admin import words
from bridge.chat.actions import moderating
from bridge.models import Block, Connection, Participant, Room


class BlockForm(forms.ModelForm[Block]):
    # The model's field is not editable.
    blocked = forms.UUIDField(
        label="Visitor",
        help_text="The visitor's ID. The link “Block…” next to their messages in a conversation fills it in.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["blocked"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        inbox, visitor = cleaned.get("inbox"), cleaned.get("blocked")
        if visitor and Block.objects.filter(inbox=inbox, visitor=visitor).exists():
            self.add_error("blocked", "This visitor is already blocked in this inbox.")
        return cleaned


@admin.register(Block)
class BlockAdmin(admin.ModelAdmin[Block]):
    """Deleting a block unblocks the visitor."""

    form = BlockForm
    list_display = ("who", "inbox", "reason", "created_at", "until")
    list_filter = ("inbox",)
    list_select_related = ("inbox",)
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Block]:
        """Blocks with the visitor's last conversation, or else a room, and their name in it."""
        own = Connection.objects.filter(visitor=OuterRef("visitor"), inbox=OuterRef("inbox")).order_by("-pk")
        in_rooms = Participant.objects.filter(
            visitor=OuterRef("visitor"),
            connection__in=Room.objects.filter(inbox=OuterRef(OuterRef("inbox"))),
        ).order_by("-pk")
        return (
            super()
            .get_queryset(request)
            .annotate(
                seen_in=Coalesce(
                    Subquery(own.values("pk")[:1]),
                    Subquery(in_rooms.values("connection")[:1]),
                    output_field=BigIntegerField(),
                ),
                called=Coalesce(Subquery(own.values("nick")[:1]), Subquery(in_rooms.values("nick")[:1])),
            )
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Block | None = None) -> tuple[str, ...]:
        return ("inbox", "who") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Block | None = None) -> tuple[str, ...]:
        return ("who", "inbox", "reason", "until") if obj else ("inbox", "blocked", "reason", "until")

    def save_model(self, request: HttpRequest, obj: Block, form: Any, change: bool) -> None:
        visitor = obj.visitor if change else form.cleaned_data["blocked"]
        made = moderating.block(obj.inbox, visitor, reason=obj.reason, until=obj.until)
        if change and made.reason != obj.reason:
            Block.objects.filter(pk=made.pk).update(reason=obj.reason)
        obj.pk, obj.visitor = made.pk, visitor

    def delete_model(self, request: HttpRequest, obj: Block) -> None:
        moderating.unblock(obj.inbox, obj.visitor)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Block]) -> None:
        for block in queryset.select_related("inbox"):
            moderating.unblock(block.inbox, block.visitor)

    @admin.display(description="visitor")
    def who(self, block: Block) -> SafeString | str:
        """The visitor's last name, with a link to the conversation in which they had it."""
        if block.seen_in is None:  # type: ignore[attr-defined]  # annotated
            return str(block.visitor)
        name = block.called or block.visitor  # type: ignore[attr-defined]
        return format_html('<a href="{}">{}</a>', words.conversation_url(block.seen_in), name)  # type: ignore[attr-defined]
