"""No webhook makes this server ask others that only it can reach."""

import ipaddress
from typing import Any

import pytest

from bridge.services.webhook.addresses import AddressRefused, check, guarded, is_public, url_mistake

PRIVATE = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "8.8.8.8",
    "100.63.255.255",
    "172.15.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_only_we_can_reach_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(AddressRefused):
        check(address, encrypted=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_taken(address: str) -> None:
    check(address, encrypted=True)


def test_an_address_with_a_zone_is_judged_without_it() -> None:
    with pytest.raises(AddressRefused):
        check("fe80::1%eth0", encrypted=True)


def test_a_public_address_is_not_taken_without_encryption() -> None:
    with pytest.raises(AddressRefused, match="https"):
        check("8.8.8.8", encrypted=False)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd12::5"])
def test_a_network_of_ones_own_is_allowed_by_name(settings: Any, address: str) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["10.1.0.0/16", "fd12::/64"]
    check(address, encrypted=False)


@pytest.mark.parametrize("address", ["10.2.0.1", "127.0.0.1", "169.254.169.254", "fd13::1"])
def test_a_network_that_is_allowed_opens_no_other(settings: Any, address: str) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["10.1.0.0/16", "fd12::/64"]
    with pytest.raises(AddressRefused):
        check(address, encrypted=True)


def test_no_socket_is_made_for_what_is_refused() -> None:
    with pytest.raises(AddressRefused):
        guarded(encrypted=True)((2, 1, 6, "", ("127.0.0.1", 80)))


@pytest.mark.parametrize(
    ("url", "mistake"),
    [
        ("shop.example/hook", "must begin with https://"),
        ("ftp://shop.example/hook", "must begin with https://"),
        ("javascript:alert(1)", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("https:///hook", "must begin with https://"),
        ("https://[::1", "not a valid address"),
        ("http://shop.example/hook", "begin with https://"),
        ("https://me:secret@shop.example/", "name or password"),
        ("https://me@shop.example/", "name or password"),
        ("https://shop.example/#part", "#"),
        ("https://shop.example/a b", "spaces"),
        ("https://localhost/hook", "not a public address"),
        ("https://LOCALHOST./hook", "not a public address"),
        ("https://api.localhost/hook", "not a public address"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://127.1/", "not a public address"),
        ("https://2130706433/", "not a public address"),
        ("https://0x7f000001/", "not a public address"),
        ("https://0177.0.0.1/", "not a public address"),
        ("https://[::1]/", "not a public address"),
        ("https://[::ffff:10.0.0.1]/", "not a public address"),
        ("https://169.254.169.254/latest/meta-data/", "not a public address"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_in_a_sentence(url: str, mistake: str) -> None:
    assert mistake in url_mistake(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hook",
        "https://shop.example:8443/a?b=c",
        "https://8.8.8.8/",
        "https://bücher.example/",
    ],
)
def test_an_address_without_a_mistake_is_taken(url: str) -> None:
    assert url_mistake(url) == ""


def test_without_encryption_only_where_networks_of_ones_own_are_named(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["10.1.0.0/16"]
    assert url_mistake("http://10.1.0.7:8000/hook") == ""
    assert url_mistake("http://intranet/hook") == ""
    assert "https://" in url_mistake("http://8.8.8.8/hook")
    assert "not a public address" in url_mistake("http://10.2.0.7/hook")
