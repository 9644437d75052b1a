"""The same with Discord as the only service."""

from bench.settings import *  # noqa: F403

BRIDGE_SERVICES = {"discord": BRIDGE_SERVICES["discord"]}  # noqa: F405
