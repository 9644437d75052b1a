"""Webhooks: the programs that the service `webhook` sends events to."""

import base64
import secrets
import uuid
from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.utils import timezone

from bridge.models.inboxes import Inbox


def new_webhook_secret() -> str:
    """Return a secret as the Standard Webhooks specification requires it: 24 to 64 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Webhook(models.Model):
    """Another program that receives the messages of an inbox and can answer, by the service `webhook`."""

    ROTATION: ClassVar[timedelta] = timedelta(hours=24)
    """How long the previous secret stays valid."""

    # Names the webhook in the address for its incoming commands; nothing else does.
    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(max_length=80, help_text="Only staff can see it.")
    url = models.CharField(
        "address", max_length=1000, help_text="Where it receives events, e.g. https://example.com/events"
    )
    enabled = models.BooleanField(
        default=True,
        help_text="If turned off, no events are sent, not even later, and no commands are accepted.",
    )
    secret = models.CharField(max_length=100, default=new_webhook_secret, editable=False)
    previous_secret = models.CharField(max_length=100, blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)
    # Nothing is sent to it until then, because it asked for that or did not answer in time.
    rests_until = models.DateTimeField(null=True, editable=False)
    succeeded_at = models.DateTimeField(null=True, editable=False)
    failed_at = models.DateTimeField(null=True, editable=False)
    failure = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    def secrets(self) -> list[str]:
        """Return the secrets that are valid now, newest first."""
        before = self.previous_until is not None and timezone.now() < self.previous_until
        return [self.secret, self.previous_secret] if before else [self.secret]

    def rotate(self) -> None:
        """Create a new secret. Does not save."""
        self.previous_secret, self.previous_until = self.secret, timezone.now() + self.ROTATION
        self.secret = new_webhook_secret()
