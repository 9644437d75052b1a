"""The contract itself, kept by the simplest service; and that every service of this installation keeps it."""

import importlib
import pkgutil

import pytest
from django.utils import timezone

import tests.services
from bridge.chat.actions.receiving import Incoming, RemoteAuthor, receive_message
from bridge.models import Endpoint
from chatbridge_site.settings import BRIDGE_SERVICES
from tests.services.contract import Rig, ServiceContract, Trouble, Wiring
from tests.services.memory import Memory
from tests.time_machine import db


class MemoryRig(Rig):
    service: Memory

    async def held(self, endpoint: Endpoint) -> list[str]:
        return list(self.service.places_held.get(endpoint.remote_id or "", {}).values())

    async def have(self, trouble: Trouble | None) -> None:
        self.service.trouble = trouble

    async def write(self, endpoint: Endpoint, text: str, *, key: int) -> None:
        author = RemoteAuthor(remote_id="7", nick="Grace")
        incoming = Incoming(f"written-{key}", author, text, created_at=timezone.now())
        await db(receive_message, endpoint.pk, incoming)


class TestMemory(ServiceContract):
    path = "tests.services.memory.Memory"

    @pytest.fixture
    async def rig(self, wiring: Wiring) -> Rig:
        return MemoryRig(Memory(), wiring)


def test_every_service_of_this_installation_keeps_the_contract() -> None:
    for module in pkgutil.walk_packages(tests.services.__path__, "tests.services."):
        if module.name.endswith(".test_service"):
            importlib.import_module(module.name)
    assert set(BRIDGE_SERVICES.values()) <= {each.path for each in ServiceContract.__subclasses__()}
