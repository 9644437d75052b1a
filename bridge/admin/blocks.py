"""Who is blocked: looked through, added from a conversation, taken back."""

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
    # The model's own is not for editing.
    blocked = forms.UUIDField(
        label="Visitor",
        help_text="The visitor's ID. The link “Block…” next to their messages in a conversation fills it in.",
    )

    class Meta:
        model = Block
        fields = ("inbox", "reason", "until")

    def clean(self) -> dict[str, Any]:
        """Whoever is blocked already is changed, not added."""
        cleaned = super().clean() or self.cleaned_data
        inbox, visitor = cleaned.get("inbox"), cleaned.get("blocked")
        if visitor and Block.objects.filter(inbox=inbox, visitor=visitor).exists():
            self.add_error("blocked", "This visitor is already blocked in this inbox.")
        return cleaned


@admin.register(Block)
class BlockAdmin(admin.ModelAdmin[Block]):
    """A deleted block is taken back: he may come again."""

    form = BlockForm
    list_display = ("who", "inbox", "reason", "created_at", "until")
    list_filter = ("inbox",)
    list_select_related = ("inbox",)
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Block]:
        """With the visitor's last conversation, else a room, and their name in it."""
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

    def get_form(
        self, request: HttpRequest, obj: Block | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Once he is blocked, whom it is about does not change."""
        if obj is not None:
            kwargs["form"] = forms.ModelForm
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Block, form: Any, change: bool) -> None:
        visitor = obj.visitor if change else form.cleaned_data["blocked"]
        made = moderating.block(obj.inbox, visitor, reason=obj.reason, until=obj.until)
        if change and made.reason != obj.reason:
            Block.objects.filter(pk=made.pk).update(reason=obj.reason)
        obj.pk, obj.visitor = made.pk, visitor

    def delete_model(self, request: HttpRequest, obj: Block) -> None:
        moderating.unblock(obj.inbox, obj.visitor)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Block]) -> None:
        for each in queryset.select_related("inbox"):
            moderating.unblock(each.inbox, each.visitor)

    @admin.display(description="visitor")
    def who(self, block: Block) -> SafeString | str:
        """As he was last called, with the conversation that he was called so in."""
        if block.seen_in is None:  # type: ignore[attr-defined]  # annotated
            return str(block.visitor)
        name = block.called or block.visitor  # type: ignore[attr-defined]
        return format_html('<a href="{}">{}</a>', words.conversation_url(block.seen_in), name)  # type: ignore[attr-defined]
