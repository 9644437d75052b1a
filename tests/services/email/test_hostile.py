"""Mails whose parts are not what a mail has: refused or taken, and never a fault of the server."""

import json
from threading import Barrier, Thread
from typing import Any

import pytest

from bridge.infra import redis
from bridge.services.email import providers
from bridge.services.email.arrived import address_in


@pytest.mark.parametrize("opening", ["(", "<", '"', "[", ":", ","])
@pytest.mark.parametrize("count", [10, 500, 20_000])
def test_an_address_of_brackets_is_none(opening: str, count: int) -> None:
    assert "@example.com" not in address_in(opening * count)
    assert isinstance(address_in(f"{opening * count}ada@example.com"), str)


FIELDS = ("Date", "Subject", "OriginalRecipient", "TextBody", "HtmlBody")


@pytest.mark.parametrize("odd", [1, 1.5, True, ["x"], {"x": "y"}])
@pytest.mark.parametrize("field", [*FIELDS, "Email", "To", "Name", "Value"])
def test_a_field_that_is_no_text_makes_a_mail_unreadable(field: str, odd: Any) -> None:
    mail: dict[str, Any] = {"MessageID": "1", "FromFull": {"Email": "a@b.c"}, "ToFull": [{"Email": "d@e.f"}]}
    mail["Headers"] = [{"Name": "X", "Value": "y"}]
    match field:
        case "Email":
            mail["FromFull"]["Email"] = odd
        case "To":
            mail["ToFull"][0]["Email"] = odd
        case "Name" | "Value":
            mail["Headers"][0][field] = odd
        case _:
            mail[field] = odd
    with pytest.raises(providers.Unreadable):
        providers.read_postmark(json.dumps(mail).encode())


def test_mails_that_come_at_once_do_not_take_each_others_connection(valkey_url: str, settings: Any) -> None:
    """All threads share one client: who closes it closes it for the others, in the middle of a command."""
    settings.REDIS_URL = valkey_url
    redis.blocking_client.cache_clear()
    client = redis.blocking_client()
    found: list[bool] = []
    together = Barrier(8)

    def come_in(number: int) -> None:
        together.wait(30)
        for each in range(20):
            found.append(providers._is_first(f"{number}.{each}", {"from": "ada"}, []))

    try:
        threads = [Thread(target=come_in, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert found == [True] * 160
        # No more connections than threads: none was thrown away in between.
        assert len(client.connection_pool._available_connections) <= 8  # type: ignore[attr-defined]
        assert client.connection_pool._available_connections  # type: ignore[attr-defined]
    finally:
        client.close()
        redis.blocking_client.cache_clear()
