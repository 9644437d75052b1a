"""Messages on their way to services, and what they are there."""

from django.db import models
from django.db.models import Q

from bridge.models.connections import Connection, Endpoint
from bridge.models.messages import Message


class RemoteMessage(models.Model):
    """One message inside a service.

    Ours is written before it is sent, so that whoever finds it after a crash knows what may be out there.
    """

    class Fate(models.TextChoices):
        """What is known of a reaction of ours: written before it is asked for, so that a crash is survived."""

        UNSURE = "unsure"
        THERE = "there"
        REFUSED = "refused"

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="remote_messages")
    remote_id = models.CharField(max_length=255, null=True)  # noqa: DJ001  # unique: NULL is not known
    ours = models.BooleanField()
    # The visitor's card, from which the thread starts. It belongs to no message.
    card = models.BooleanField(default=False)
    nonce = models.CharField(max_length=25, blank=True)
    text = models.TextField(blank=True)
    # An edit was asked for, and nobody knows whether it was made: it may say something else there.
    text_unsure = models.BooleanField(default=False)
    # The keys of the attachments that go with it.
    files = models.JSONField(default=list)
    # In a room: the nick that ours was said under, and the webhook that said it, which alone may change it.
    speaker = models.CharField(max_length=80, blank=True)
    sender = models.CharField(max_length=64, blank=True)
    # When a request that may have stored it was written. NULL: none was, or its failure was certain.
    sent_at = models.DateTimeField(null=True)
    edited_at = models.DateTimeField(null=True)
    # Theirs: the id there of what it answers, where nobody here knew that yet.
    answers = models.CharField(max_length=255, null=True)  # noqa: DJ001  # the index has only what is set
    # With what we react to it there, for all visitors together: pairs of an emoji and its `Fate`.
    reactions = models.JSONField(default=list)
    # Deleted in the service. Without parts: a delete that came before its create.
    deleted_at = models.DateTimeField(null=True)
    # We asked for its deletion ourselves: news of that says nothing of what staff want.
    unwanted = models.BooleanField(default=False)

    class Meta:
        constraints = [
            # An event seen twice is one message. The id comes first, for admin's search by it alone.
            models.UniqueConstraint(fields=["remote_id", "endpoint"], name="remote_message_once"),
        ]
        indexes = [
            # delivery: ours whose fate is not known.
            models.Index(
                fields=["endpoint"], condition=Q(remote_id__isnull=True), name="remote_message_unknown"
            ),
            # receiving: the replies that wait for the id of what they answer.
            models.Index(
                fields=["answers", "endpoint"],
                condition=Q(answers__isnull=False),
                name="remote_message_answers",
            ),
        ]

    def __str__(self) -> str:
        return self.remote_id or "(not sent)"


class RemotePart(models.Model):
    """Which messages a remote message holds, in order.

    Several messages joined in one: several parts with one `remote`. One message split into several: one
    part in each of them.
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
    """One change of one message on its way to one endpoint: the durable outbox."""

    class Operation(models.TextChoices):
        POST = "post"
        EDIT = "edit"
        DELETE = "delete"
        REACT = "react"

    class Outcome(models.TextChoices):
        DELIVERED = "delivered"
        FAILED = "failed"
        # A later change made it needless: deleted before it was sent, or edited again.
        SUPERSEDED = "superseded"

    # Without an index of its own: delivery_once begins with it.
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    # Without one too: delivery_line begins with it.
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
            # A worker's read of its line, what is not settled, in order; and all of an endpoint, to delete it.
            models.Index(fields=["endpoint", "settled_at", "revision"], name="delivery_line"),
            # admin: what failed, newest first.
            models.Index(fields=["-id"], condition=Q(outcome="failed"), name="delivery_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.message_id} to {self.endpoint_id}"


class Cursor(models.Model):
    """How far a reader of the Python API has come in a conversation: the place of what it was last done with."""

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
    """Who may do what only one process may do, e.g. hold the gateway. Expires by the database's clock."""

    name = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField()
    # When its holder last saw the outside world in order: for the gateway its last heartbeat.
    heartbeat_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"
