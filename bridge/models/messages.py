"""Messages, and their versions, reactions and attachments."""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from bridge.conf import file_storage
from bridge.models.connections import Connection, Participant
from bridge.models.inboxes import WEB, Inbox


class Message(models.Model):
    """A message. `seq` is its position in the connection, `revision` its latest change."""

    class Kind(models.TextChoices):
        MESSAGE = "message"
        GAP = "gap"
        EVENT = "event"

    class State(models.TextChoices):
        SENT = "sent"
        DELIVERED = "delivered"
        FAILED = "failed"

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    # No index of its own: message_place begins with this column, and each index costs a write for each message.
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    # No index, because it would be written in a different place for each author. So there is no constraint in the
    # database either, only Django's check. It reads all messages, but nothing here deletes a participant.
    author = models.ForeignKey(
        Participant,
        null=True,
        on_delete=models.PROTECT,
        related_name="messages",
        db_index=False,
        db_constraint=False,
    )
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.MESSAGE)
    seq = models.BigIntegerField()
    revision = models.BigIntegerField()
    # Whether `revision` is a later change and not the posting.
    changed = models.BooleanField(default=False)
    client_id = models.UUIDField(null=True, editable=False)
    service = models.CharField(max_length=32, default=WEB)
    # The endpoint it came from. It is delivered to all others, never back to this one. NULL: from the page.
    endpoint = models.ForeignKey(
        "Endpoint", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    content = models.TextField(blank=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.SENT)
    # Why it failed, for its author and staff: a short code. Otherwise empty.
    failure = models.CharField(max_length=32, blank=True)
    # A message of the same connection. Indexed below only if it is set.
    reply_to = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="replies", db_index=False
    )
    # For a gap: how many messages are missing; NULL if unknown.
    gap_size = models.IntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    # Not a column: its emoji and their numbers, as counted by `wire.load`.
    tally: list[Any]

    class Meta:
        constraints = [
            # history.page: keyset by position within a connection.
            models.UniqueConstraint(fields=["connection", "seq"], name="message_place"),
            # A message that is sent again is stored once. The id comes first: ids that begin with the time are
            # ascending, so new rows share the index's pages.
            models.UniqueConstraint(
                fields=["client_id", "author"], condition=Q(client_id__isnull=False), name="message_client_id"
            ),
        ]
        indexes = [
            # connection.sync: what changed after a revision. New messages are found by position.
            models.Index(
                fields=["connection", "revision"], condition=Q(changed=True), name="message_changed"
            ),
            # admin: by date, newest first. Ascending, because in SQLite only appending to an index is cheap.
            models.Index(fields=["created_at", "id"], name="message_created"),
            # Deleting a message: the replies to it.
            models.Index(fields=["reply_to"], condition=Q(reply_to__isnull=False), name="message_reply_to"),
            # Deleting an endpoint: the messages that came from it.
            models.Index(fields=["endpoint"], condition=Q(endpoint__isnull=False), name="message_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq}"


class MessageVersion(models.Model):
    """The text of a message before an edit, for staff. Deleted with the message."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="versions")
    content = models.TextField()
    replaced_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.message_id} until {self.replaced_at:%Y-%m-%d %H:%M}"


class Reaction(models.Model):
    """An emoji of a participant on a message."""

    # No index of its own: reaction_once begins with this column.
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="reactions", db_index=False)
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="reactions")
    # The characters themselves, “name:id” for a custom emoji, or “a:name:id” for an animated one.
    emoji = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "emoji", "participant"], name="reaction_once"),
        ]

    def __str__(self) -> str:
        return f"{self.emoji} on {self.message_id}"


class Emoji(models.Model):
    """A custom emoji that was used in a reaction or a message. Only these have pictures here."""

    remote_id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=32)
    animated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class Attachment(models.Model):
    """A file. Without `message` it was uploaded but not sent yet. Files that are never sent are purged."""

    class State(models.TextChoices):
        STORED = "stored"
        # Not copied yet from the service it came from.
        PENDING = "pending"
        # Too large to copy, or deleted before it was copied: only its service has it.
        REMOTE = "remote"

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(Message, null=True, on_delete=models.CASCADE, related_name="attachments")
    # The inbox it was uploaded for, and the visitor who uploaded it: only they can send it. No visitor (NULL): it
    # came from a service.
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="+", db_index=False)
    visitor = models.UUIDField(null=True, editable=False)
    position = models.IntegerField(default=0)
    name = models.CharField(max_length=200)
    # Determined by its content, not by its name.
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField(help_text="In bytes.")
    width = models.IntegerField(null=True, help_text="In pixels, for images.")
    height = models.IntegerField(null=True, help_text="In pixels, for images.")
    file = models.FileField(
        upload_to="attachments/%Y/%m/%d", storage=file_storage, max_length=200, blank=True
    )
    thumbnail = models.FileField(
        upload_to="thumbnails/%Y/%m/%d", storage=file_storage, max_length=200, blank=True
    )
    # Its id and its address in the service it came from.
    remote_id = models.CharField(max_length=64, blank=True)
    remote_url = models.CharField(max_length=1000, blank=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.STORED)
    # Services get a link instead, because one refused it as too large.
    linked = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # The bot: files that are not copied yet, oldest first. Usually empty.
            models.Index(fields=["id"], condition=Q(state="pending"), name="attachment_pending"),
            # purge: uploads that were never sent.
            models.Index(fields=["created_at"], condition=Q(message__isnull=True), name="attachment_unsent"),
            # purge_files: whether a file in the storage belongs to an attachment.
            models.Index(fields=["file"], name="attachment_file"),
            models.Index(fields=["thumbnail"], name="attachment_thumbnail"),
        ]

    def __str__(self) -> str:
        return self.name
