"""What is said, and what belongs to it."""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from bridge.conf import file_storage
from bridge.models.connections import Connection, Participant
from bridge.models.inboxes import WEB, Inbox


class Message(models.Model):
    """One thing said. `seq` is its place, `revision` its latest change."""

    class Kind(models.TextChoices):
        MESSAGE = "message"
        GAP = "gap"
        EVENT = "event"

    class State(models.TextChoices):
        SENT = "sent"
        DELIVERED = "delivered"
        FAILED = "failed"

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    # Without an index of its own: message_place begins with it, and each index is written with each message.
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    # Without an index, which would be written in another place for each author, and so without the database's own
    # guard. Django's is left; it reads all messages, but nothing here deletes a participant.
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
    # Whether that was a change, and not that it was posted.
    changed = models.BooleanField(default=False)
    client_id = models.UUIDField(null=True, editable=False)
    service = models.CharField(max_length=32, default=WEB)
    # Where it came in: it goes to every other endpoint and never back to this one. NULL: from the page.
    endpoint = models.ForeignKey(
        "Endpoint", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    content = models.TextField(blank=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.SENT)
    # Why it failed, for its author and for staff: a short code. Empty otherwise.
    failure = models.CharField(max_length=32, blank=True)
    # Of the same connection. Indexed below only where it is set.
    reply_to = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="replies", db_index=False
    )
    # For a gap: how many messages are missing, NULL where nobody knows.
    gap_size = models.IntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    # No column: each emoji on it with its number, as `wire.load` counted them.
    tally: list[Any]

    class Meta:
        constraints = [
            # history.page: keyset by place within a connection.
            models.UniqueConstraint(fields=["connection", "seq"], name="message_place"),
            # A resend is free. The id first: those that begin with the time rise, and share the index's pages.
            models.UniqueConstraint(
                fields=["client_id", "author"], condition=Q(client_id__isnull=False), name="message_client_id"
            ),
        ]
        indexes = [
            # connection.sync: what changed since a revision; what is new it finds by place.
            models.Index(
                fields=["connection", "revision"], condition=Q(changed=True), name="message_changed"
            ),
            # admin: by date, newest first. Rising, since SQLite adds cheaply at an index's end alone.
            models.Index(fields=["created_at", "id"], name="message_created"),
            # Deleting a message: the replies that lose it.
            models.Index(fields=["reply_to"], condition=Q(reply_to__isnull=False), name="message_reply_to"),
            # Deleting an endpoint: the messages that came in there.
            models.Index(fields=["endpoint"], condition=Q(endpoint__isnull=False), name="message_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq}"


class MessageVersion(models.Model):
    """What a message said before an edit, for staff. Gone when the message is deleted."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="versions")
    content = models.TextField()
    replaced_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.message_id} until {self.replaced_at:%Y-%m-%d %H:%M}"


class Reaction(models.Model):
    """One participant's emoji on one message."""

    # Without an index of its own: reaction_once begins with it.
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="reactions", db_index=False)
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="reactions")
    # The characters themselves, or “name:id” for a custom emoji, “a:name:id” where it moves.
    emoji = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "emoji", "participant"], name="reaction_once"),
        ]

    def __str__(self) -> str:
        return f"{self.emoji} on {self.message_id}"


class Emoji(models.Model):
    """A custom emoji that was seen in a reaction or a message: only these have pictures here."""

    remote_id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=32)
    animated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class Attachment(models.Model):
    """A file. Without `message` it was uploaded and waits to be sent; what is never sent is purged."""

    class State(models.TextChoices):
        STORED = "stored"
        # Still to be copied from the service it came from.
        PENDING = "pending"
        # Too large to be copied, or gone before it was: only its service has it.
        REMOTE = "remote"

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(Message, null=True, on_delete=models.CASCADE, related_name="attachments")
    # Who uploaded it, and for which inbox: only he can put it into a message. NULL: it came from a service.
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="+", db_index=False)
    visitor = models.UUIDField(null=True, editable=False)
    position = models.IntegerField(default=0)
    name = models.CharField(max_length=200)
    # As its bytes say, not as its name does.
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
    # Its id inside the service it came from, and where that has it.
    remote_id = models.CharField(max_length=64, blank=True)
    remote_url = models.CharField(max_length=1000, blank=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.STORED)
    # Services get a link in its place: one refused it as too large.
    linked = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # The bot: what is still to be copied, oldest first. Empty while all is well.
            models.Index(fields=["id"], condition=Q(state="pending"), name="attachment_pending"),
            # purge: uploads that nobody sent.
            models.Index(fields=["created_at"], condition=Q(message__isnull=True), name="attachment_unsent"),
            # purge_files: whether a file in the storage is anybody's.
            models.Index(fields=["file"], name="attachment_file"),
            models.Index(fields=["thumbnail"], name="attachment_thumbnail"),
        ]

    def __str__(self) -> str:
        return self.name
