"""Incoming e-mails that were refused, for staff to read."""

from django.db import models
from django.utils import timezone

from bridge.models.connections import Connection
from bridge.models.inboxes import Inbox


class RefusedMail(models.Model):
    """An e-mail that was not added to a conversation, or not as the visitor's message, and why."""

    class Reason(models.TextChoices):
        AUTOMATIC = "automatic", "sent automatically"
        NOBODYS = "nobodys", "belongs to no conversation"
        REFUSED = "refused", "the sender is not allowed to write this"
        FILES = "files", "some of its files are not allowed"

    # No index: few e-mails are kept.
    inbox = models.ForeignKey(Inbox, null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(Connection, null=True, on_delete=models.CASCADE, related_name="+")
    # Digest of its Message-ID, sender and recipient, so that an e-mail that arrives again is recognised.
    digest = models.CharField(max_length=64, unique=True)
    # Digest of the sender and the day, on the first e-mail that they are notified about; NULL on all others.
    notice = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001  # unique: NULL is none
    reason = models.CharField(max_length=9, choices=Reason.choices)
    detail = models.CharField(max_length=300, blank=True)
    sender = models.CharField(max_length=320, blank=True)
    recipient = models.CharField(max_length=320, blank=True)
    subject = models.CharField(max_length=300, blank=True)
    content = models.TextField(blank=True)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        # admin: newest first. With each new e-mail: those that are too old to be kept.
        indexes = [models.Index(fields=["received_at"], name="refused_mail_received")]

    def __str__(self) -> str:
        return f"{self.sender}: {self.subject}"
