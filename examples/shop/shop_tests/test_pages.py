"""The shop's page has the chat, and each customer's own orders."""

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from orders.models import Order


def test_everybody_may_chat_and_sees_his_own_orders(shop: object) -> None:
    client = Client()
    page = client.get("/").content.decode()
    assert "<chatbridge-widget" in page
    assert "A-1" not in page
    client.force_login(get_user_model().objects.get(username="ada"))
    page = client.get("/").content.decode()
    assert "A-1: on its way" in page
    assert "G-1" not in page


def test_the_login_lets_a_customer_in(shop: object) -> None:
    ada = get_user_model().objects.get(username="ada")
    ada.set_password("secret")
    ada.save()
    client = Client()
    response = client.post("/login/", {"username": "ada", "password": "secret"})
    assert response["Location"] == "/"
    assert "A-1" in client.get("/").content.decode()


def test_for_trying_out_there_is_a_customer_with_orders(transactional_db: None) -> None:
    for _ in range(2):
        call_command("stock", verbosity=0)
    assert set(Order.objects.values_list("number", "customer__username")) == {("A-1", "ada"), ("A-2", "ada")}


def test_its_settings_and_migrations_are_in_order(transactional_db: None) -> None:
    call_command("check", fail_level="WARNING")
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
