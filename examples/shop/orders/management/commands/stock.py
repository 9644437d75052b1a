"""`manage.py stock`: a customer and two orders, for trying the shop out."""

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from bridge.models import Inbox
from orders.models import Order


class Command(BaseCommand):
    help = "Make a customer, ada, with two orders, and let the chat know customers by the shop's login."

    def handle(self, *args: Any, **options: Any) -> None:
        Inbox.objects.filter(name="default").update(identity=Inbox.Identity.LOGIN)
        password = secrets.token_urlsafe(9)
        ada, _ = get_user_model().objects.get_or_create(username="ada")
        ada.is_staff = ada.is_superuser = True
        ada.set_password(password)
        ada.save()
        for number, state in {"A-1": Order.State.PACKED, "A-2": Order.State.SENT}.items():
            Order.objects.get_or_create(number=number, defaults={"customer": ada, "state": state})
        self.stdout.write(f"ada, with the password {password}, has the orders A-1 and A-2.")
