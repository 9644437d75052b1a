"""Deliveries of messages to services, and what the messages are there."""

from django.db import models
from django.db.models import Q

from bridge.models.connections import Connection, Endpoint
from bridge.models.messages import Message


class RemoteMessage(models.Model):
    """A message inside a service.

    The row of a message of ours is written before it is sent. So after a crash it is known what may have been sent.
    """

    class Fate(models.TextChoices):
        """What is known about a reaction of ours. Written before the request, in case of a crash."""

        UNSURE = "unsure"
        THERE = "there"
        REFUSED = "refused"

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="remote_messages")
    remote_id = models.CharField(max_length=255, null=True)  # noqa: DJ001  # unique: NULL is not known
    ours = models.BooleanField()
    # The visitor's card, from which the thread was started. It belongs to no message.
    card = models.BooleanField(default=False)
    nonce = models.CharField(max_length=25, blank=True)
    text = models.TextField(blank=True)
    # The result of an edit is unknown, so the text in the service may be different.
    text_unsure = models.BooleanField(default=False)
    # The keys of the attachments that are sent with it.
    files = models.JSONField(default=list)
    # In a room: the nick under which ours was posted, and the webhook that posted it. No other webhook can change it.
    speaker = models.CharField(max_length=80, blank=True)
    sender = models.CharField(max_length=64, blank=True)
    # When a request was written that may have stored it. NULL: there was none, or it certainly failed.
    sent_at = models.DateTimeField(null=True)
    edited_at = models.DateTimeField(null=True)
    # Theirs: the remote id of the message that it answers, if that was not known here yet.
    answers = models.CharField(max_length=255, null=True)  # noqa: DJ001  # the index has only what is set
    # Our reactions to it there, for all visitors together: pairs of an emoji and its `Fate`.
    reactions = models.JSONField(default=list)
    # When it was deleted in the service. Without parts: the deletion arrived before the message.
    deleted_at = models.DateTimeField(null=True)
    # We requested its deletion ourselves, so the event about it does not come from staff.
    unwanted = models.BooleanField(default=False)

    class Meta:
        constraints = [
            # An event that arrives twice is one message. The id comes first, so that the admin can search by it alone.
            models.UniqueConstraint(fields=["remote_id", "endpoint"], name="remote_message_once"),
        ]
        indexes = [
            # delivery: ours of which it is not known whether they were stored.
            models.Index(
                fields=["endpoint"], condition=Q(remote_id__isnull=True), name="remote_message_unknown"
            ),
            # receiving: replies that wait for the id of the message that they answer.
            models.Index(
                fields=["answers", "endpoint"],
                condition=Q(answers__isnull=False),
                name="remote_message_answers",
            ),
        ]

    def __str__(self) -> str:
        return self.remote_id or "(not sent)"


class RemotePart(models.Model):
    """A message in a remote message, with its position there.

    Messages that were joined are several parts with one `remote`. A message that was split has one part in each of
    its remote messages.
    """

    remote = models.ForeignKey(RemoteMessage, on_delete=models.CASCADE, related_name="parts")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="remote_parts")
    position = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["remote", "position"], name="remote_part_place"),
        ]

    def __str__(self) -> str:
        return f"{self.remote_id}.{self.position}"


class Delivery(models.Model):
    """A change of a message on its way to an endpoint. All of them together are the durable outbox."""

    class Operation(models.TextChoices):
        POST = "post"
        EDIT = "edit"
        DELETE = "delete"
        REACT = "react"

    class Outcome(models.TextChoices):
        DELIVERED = "delivered"
        FAILED = "failed"
        # A later change made it unnecessary: the message was deleted before it was sent, or edited again.
        SUPERSEDED = "superseded"

    # No index of its own: delivery_once begins with this column.
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    # No index of its own: delivery_line begins with this column.
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    operation = models.CharField(max_length=8, choices=Operation.choices)
    revision = models.BigIntegerField()
    settled_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    reason = models.CharField(max_length=32, blank=True)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["message", "endpoint", "operation", "revision"], name="delivery_once"
            ),
        ]
        indexes = [
            # A worker reads the unsettled deliveries of its line, in order. Deleting an endpoint: all its deliveries.
            models.Index(fields=["endpoint", "settled_at", "revision"], name="delivery_line"),
            # admin: failed deliveries, newest first.
            models.Index(fields=["-id"], condition=Q(outcome="failed"), name="delivery_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.message_id} to {self.endpoint_id}"


class Cursor(models.Model):
    """How far a reader of the Python API has read a conversation: the position of the last finished message."""

    name = models.CharField(max_length=64)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="cursors")
    seq = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "connection"], name="cursor_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.seq}"


class Lease(models.Model):
    """The right to do what only one process may do, e.g. own the gateway. Expires by the database's clock."""

    name = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField()
    # When its holder last had proof of a working connection: for the gateway, its last heartbeat.
    heartbeat_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"
