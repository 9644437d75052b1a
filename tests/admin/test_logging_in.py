"""Wrong passwords: who types too many waits, nobody else does, and the log says who tried."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

pytestmark = pytest.mark.django_db
LIMIT = 5


@pytest.fixture(autouse=True)
def _users(db: None) -> None:
    for name in ("ada", "sam"):
        User.objects.create_superuser(name, password="right")


def attempt(name: str = "ada", password: str = "wrong", address: str = "203.0.113.5", **headers: str) -> int:
    """The status: 302 is in, 200 the form again, 429 to wait."""
    form = {"username": name, "password": password}
    return Client().post("/admin/login/", form, REMOTE_ADDR=address, headers=headers).status_code


def test_who_types_too_many_wrong_passwords_waits_also_with_the_right_one() -> None:
    assert [attempt() for _ in range(LIMIT)] == [200] * (LIMIT - 1) + [429]
    assert attempt(password="right") == 429


def test_nobody_else_is_locked_out_by_it() -> None:
    for _ in range(LIMIT + 3):
        attempt()
    assert attempt(password="right", address="203.0.113.6") == 302
    assert attempt("sam", password="right") == 302


def test_it_ends_by_itself_and_with_the_right_password_it_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(LIMIT + 1):
        attempt()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert attempt(password="right") == 302
    assert [attempt() for _ in range(LIMIT - 1)] == [200] * (LIMIT - 1)
    assert attempt(password="right") == 302
    assert attempt() == 200


@pytest.mark.parametrize("spelled", ["::ffff:203.0.113.5", "203.0.113.5"])
def test_an_address_counts_as_one_however_it_is_spelled(spelled: str) -> None:
    for _ in range(LIMIT):
        attempt()
    assert attempt(address=spelled) == 429


def test_a_network_of_ipv6_counts_as_one() -> None:
    for number in range(LIMIT):
        attempt(address=f"2001:db8::{number + 1:x}")
    assert attempt(address="2001:db8::ffff") == 429
    assert attempt(password="right", address="2001:db8:0:1::1") == 302


@pytest.mark.parametrize("proxies", [0, 1])
def test_what_a_client_writes_into_the_header_of_proxies_frees_nobody(settings: Any, proxies: int) -> None:
    settings.TRUSTED_PROXIES = proxies
    behind = ", 198.51.100.7" if proxies else ""
    for number in range(LIMIT):
        attempt(**{"X-Forwarded-For": f"6.6.6.{number}{behind}"})
    assert attempt(**{"X-Forwarded-For": f"6.6.6.99{behind}"}) == 429


def test_behind_a_proxy_its_visitors_are_told_apart(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    for _ in range(LIMIT):
        attempt(**{"X-Forwarded-For": "198.51.100.7"})
    assert attempt(password="right", **{"X-Forwarded-For": "198.51.100.8"}) == 302


@pytest.mark.parametrize("address", ["", "unix:", "nonsense"])
def test_without_an_address_it_is_limited_too(address: str) -> None:
    assert [attempt(address=address) for _ in range(LIMIT)][-1] == 429


def test_the_log_says_who_tried_from_where_and_not_with_what(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        attempt(password="a-wrong-password")
    said = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("axes"))
    assert "ada" in said
    assert "203.0.113.5" in said
    assert "a-wrong-password" not in caplog.text
    for row in AccessAttempt.objects.all():
        assert "a-wrong-password" not in f"{row.post_data} {row.get_data}"
