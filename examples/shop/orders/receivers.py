"""A customer who names an order of his in the chat is told its state at once, and the team reads along."""

import re
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from bridge import api
from bridge.models import WEB, Contact
from bridge.signals import message_posted
from orders.models import Order

NUMBER = re.compile(r"\b[A-Z]-\d+\b")


@receiver(message_posted)
def tell_the_state(message: Any, connection: Any, participant: Any, source: str, **_: Any) -> None:
    numbers = set(NUMBER.findall(message.content.upper()))
    if source != WEB or not numbers:
        return
    # Whom the shop's own login vouches for; of anybody else nobody knows whose order it is.
    contact = Contact.objects.filter(
        inbox=connection.inbox, visitor=participant.visitor, user__isnull=False
    ).first()
    if contact is None:
        return
    for order in Order.objects.filter(customer=contact.user_id, number__in=numbers).order_by("number"):
        order.asked_at = timezone.now()
        order.save(update_fields=["asked_at"])
        api.Connection(connection).send(
            f"Order {order.number} is {order.get_state_display()}.",
            author="The shop",
            staff=True,
            service="shop",
            key=f"{message.uid} {order.number}",
        )
