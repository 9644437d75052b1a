"""Mistakes in the settings are found, named and come with what to type."""

from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from pytest_django.fixtures import Settings

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
        {"DISCORD_TOKEN": TOKEN, "DISCORD_CHANNEL_ID": 1180000000000000012},
        {"DEBUG": True, "ALLOWED_HOSTS": ["localhost", "127.0.0.1"]},
    ],
)
def test_what_is_right_is_left_alone(settings: Settings, change: dict[str, Any]) -> None:
    for name, value in change.items():
        setattr(settings, name, value)
    assert found() == {}
