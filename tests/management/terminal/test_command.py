"""What the command takes, and what it says where it cannot."""

from typing import Any

import pytest
from django.core.management import CommandError

from bridge.management.commands.chat import address


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://chat.example.com", "wss://chat.example.com/ws/chat/"),
        ("http://127.0.0.1:8000/", "ws://127.0.0.1:8000/ws/chat/"),
        ("ws://127.0.0.1:8000/elsewhere/", "ws://127.0.0.1:8000/elsewhere/"),
        ("https://www.example.com/support", "wss://www.example.com/support/ws/chat/"),
        ("https://www.example.com/support/ws/chat/", "wss://www.example.com/support/ws/chat/"),
        (None, "ws://127.0.0.1:8000/ws/chat/"),
    ],
)
def test_an_address_of_a_site_is_that_of_its_socket(settings: Any, url: str | None, found: str) -> None:
    settings.SITE_URL = ""
    assert address(url) == found


def test_this_site_says_where_it_is(settings: Any) -> None:
    settings.SITE_URL = "https://chat.example.com"
    assert address(None) == "wss://chat.example.com/ws/chat/"


def test_an_address_that_is_none_is_said_so() -> None:
    with pytest.raises(CommandError, match="is not the address of a chat"):
        address("ftp://example.com")
