"""What a shop knows: who ordered what, and where it is."""

from django.conf import settings
from django.db import models


class Order(models.Model):
    class State(models.TextChoices):
        PACKED = "packed", "packed"
        SENT = "sent", "on its way"
        DELIVERED = "delivered", "delivered"

    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="orders")
    state = models.CharField(max_length=10, choices=State, default=State.PACKED)
    asked_at = models.DateTimeField(
        null=True, editable=False, help_text="When its customer named it in the chat."
    )

    def __str__(self) -> str:
        return self.number
