"""Throttles count addresses: what a proxy writes beside them must not make each socket another one."""

from typing import Any

import pytest

from bridge.identity.handshake import read_handshake
from bridge.infra import notices


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9:41000", "203.0.113.9"),
        ("[2001:db8::1]:41000", "2001:db8::"),
        ("[2001:db8::1]", "2001:db8::"),
        ("2001:db8::1", "2001:db8::"),
        ("203.0.113.9", "203.0.113.9"),
        ("unknown", "unknown"),
    ],
)
def test_a_port_beside_an_address_is_not_part_of_it(forwarded: str, address: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    headers = [(b"host", b"testserver"), (b"x-forwarded-for", f"198.51.100.1, {forwarded}".encode())]
    assert read_handshake({"headers": headers, "client": ("127.0.0.1", 1)}).address == address


@pytest.mark.parametrize(
    ("trusted", "told"), [(0, "set TRUSTED_PROXIES"), (1, ""), (2, "TRUSTED_PROXIES is 2")], ids=str
)
def test_who_trusts_too_few_proxies_or_too_many_learns_it_once(
    trusted: int, told: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TRUSTED_PROXIES = trusted
    notices.forget()
    headers = [(b"host", b"testserver"), (b"x-forwarded-for", b"198.51.100.1")]
    for _ in range(3):
        read_handshake({"headers": headers, "client": ("127.0.0.1", 1)})
    assert len(caplog.messages) == (1 if told else 0)
    assert told in caplog.text
