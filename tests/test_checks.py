"""Mistakes in the settings are found, named and come with what to type."""

from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from bridge.asgi import with_chat
from bridge.infra.limits import Limit, Throttle, throttles

# A field of JSON asks the database whether it knows such.
pytestmark = pytest.mark.django_db

TOKEN = "MTE4MDAwMDAwMDAwMDAwMDAwMg.Gabcde.abcdefghijklmnopqrstuvwxyz0123456789AB"
SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    },
}


def found() -> dict[str, CheckMessage]:
    return {str(message.id): message for message in run_checks() if str(message.id).startswith("bridge.")}


def test_the_projects_own_settings_have_no_mistake() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"DEBUG": True, "ALLOWED_HOSTS": ["localhost", "chat.example.com"]}, "bridge.W001"),
        ({"DISCORD_TOKEN": "3f5c0e9d8b7a6f1e", "DISCORD_CHANNEL_ID": 10**18}, "bridge.E001"),
        ({"DISCORD_TOKEN": f"Bot {TOKEN}", "DISCORD_CHANNEL_ID": 10**18}, "bridge.E001"),
        ({"DISCORD_TOKEN": TOKEN, "DISCORD_CHANNEL_ID": 42}, "bridge.E002"),
        ({"DISCORD_TOKEN": TOKEN, "DISCORD_CHANNEL_ID": None}, "bridge.W002"),
        ({"BRIDGE_SERVICES": {"fax": "bridge.services.fax.FaxService"}}, "bridge.E003"),
        ({"BRIDGE_SERVICES": {"fax": "bridge.models.Inbox"}}, "bridge.E004"),
        ({"EMAIL_REPLY_DOMAIN": "in.example.com", "SITE_URL": "https://example.com"}, "bridge.E007"),
        ({"EMAIL_REPLY_DOMAIN": "in.example.com", "POSTMARK_SECRET": "s", "SITE_URL": ""}, "bridge.W004"),
        ({"CHANNEL_LAYERS": {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}}, "bridge.E005"),
        ({"CHANNEL_LAYERS": {}}, "bridge.E005"),
        ({"TRUSTED_PROXIES": "one"}, "bridge.E008"),
        ({"TRUSTED_PROXIES": "1"}, "bridge.E008"),
        ({"TRUSTED_PROXIES": -1}, "bridge.E008"),
        ({"BRIDGE_SOCKETS_PER_ADDRESS": 0}, "bridge.E008"),
        ({"BRIDGE_SOCKETS_PER_ADDRESS": True}, "bridge.E008"),
        ({"VAR_DIR": 5}, "bridge.E008"),
        ({"SITE_URL": ["https://example.com"]}, "bridge.E008"),
        ({"POSTMARK_SECRET": b"bytes"}, "bridge.E008"),
        ({"WEBHOOK_ALLOWED_NETWORKS": "10.0.0.0/8"}, "bridge.E008"),
        ({"WEBHOOK_ALLOWED_NETWORKS": ["10.0.0.1/8"]}, "bridge.E008"),
        ({"BRIDGE_THROTTLES": {"message": 5}}, "bridge.E009"),
        ({"BRIDGE_THROTTLES": {"message": "5"}}, "bridge.E009"),
        ({"BRIDGE_THROTTLES": {"message": "5/fortnight"}}, "bridge.E009"),
        ({"BRIDGE_THROTTLES": {"message": "0/minute"}}, "bridge.E009"),
        ({"BRIDGE_THROTTLES": {"message": (20, 30)}}, "bridge.E009"),
        ({"BRIDGE_THROTTLES": {"message": ((20, 30), (200, 0))}}, "bridge.E009"),
        ({"BRIDGE_THROTTLES": {"message": ((20, 30), (float("nan"), 60))}}, "bridge.E009"),
        ({"BRIDGE_THROTTLES": {"message": ((20, float("inf")), (200, 60))}}, "bridge.E009"),
        ({"BRIDGE_THROTTLES": {"message": ((0, 30), (200, 60))}}, "bridge.E009"),
        ({"BRIDGE_THROTTLES": {"mesage": "60/minute"}}, "bridge.E009"),
        ({"BRIDGE_THROTTLES": {5: "60/minute"}}, "bridge.E009"),
        ({"BRIDGE_THROTTLES": {"message": None}}, "bridge.E009"),
        ({"CHANNEL_LAYERS": {"default": {"BACKEND": "no.such.Layer"}}}, "bridge.E005"),
        (
            {"DATABASES": {"default": {**SQLITE, "OPTIONS": SQLITE["OPTIONS"] | {"transaction_mode": None}}}},
            "bridge.E006",
        ),
        (
            {"DATABASES": {"default": {**SQLITE, "OPTIONS": SQLITE["OPTIONS"] | {"init_command": ""}}}},
            "bridge.W003",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_a_mistake_is_found(settings: Settings, change: dict[str, Any], number: str) -> None:
    for name, value in change.items():
        setattr(settings, name, value)
    messages = found()
    assert list(messages) == [number]
    assert messages[number].hint


def test_a_token_is_never_printed(settings: Settings) -> None:
    settings.DISCORD_TOKEN = "something-secret"
    assert "something-secret" not in str(found())


@pytest.mark.parametrize(
    "change",
    [
        {"BRIDGE_THROTTLES": {"message": "60/minute", "shop.rare": ((1, 86400), (2, 86400.5))}},
        {"BRIDGE_THROTTLES": {"message": Throttle(visitor=Limit(1, 1), address=Limit(1, 0.5))}},
        {"DISCORD_TOKEN": TOKEN, "DISCORD_CHANNEL_ID": 1180000000000000012},
        {"DEBUG": True, "ALLOWED_HOSTS": ["localhost", "127.0.0.1"]},
    ],
)
def test_what_is_right_is_left_alone(settings: Settings, change: dict[str, Any]) -> None:
    for name, value in change.items():
        setattr(settings, name, value)
    assert found() == {}


def test_a_server_does_not_start_with_throttles_that_would_fail_each_command(settings: Settings) -> None:
    settings.BRIDGE_THROTTLES = {"message": (20, 30)}
    with pytest.raises(ImproperlyConfigured, match="BRIDGE_THROTTLES"):
        with_chat(lambda *_: None)


def test_a_throttle_may_be_written_as_commands_write_theirs(settings: Settings) -> None:
    settings.BRIDGE_THROTTLES = {"message": "60/minute"}
    assert throttles()["message"] == Throttle(visitor=Limit(60, 60), address=Limit(600, 60))
