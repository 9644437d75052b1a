"""The service that docs/services.md shows keeps the contract, as it stands there."""

import json
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bridge.chat.actions.receiving import Incoming, RemoteAuthor, receive_message
from bridge.errors import DeliveryFailed
from bridge.models import Endpoint
from bridge.services.requests import Answer, Request
from chatbridge_site.environment import BASE_DIR
from tests.services.contract import Rig, ServiceContract, Trouble, Wiring
from tests.time_machine import db

PAGE = BASE_DIR / "docs" / "services.md"
TOO_LONG = "x" * 300
"""No file system takes a name of this length."""


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    module = types.ModuleType("documented_diary")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(blocks[0], str(PAGE), "exec"), module.__dict__)  # our own docs
    return module


class DiaryRig(Rig):
    edits = False

    def __init__(self, diary: Any, wiring: Wiring, folder: Path) -> None:
        super().__init__(diary.DiaryService(), wiring)
        self._folder = folder
        wiring.settings.DIARY_DIR = folder
        self._trouble: Trouble | None = None
        self._perform = self.service.perform
        self.service.perform = self._troubled  # type: ignore[method-assign]  # a disk refuses no words by itself

    async def _troubled(self, request: Request) -> Answer:
        if self._trouble == "refused":
            raise DeliveryFailed("refused", "Not such words.", permanent=True, certain=True)
        answer = await self._perform(request)
        if self._trouble == "answer lost":
            raise DeliveryFailed("cut", "The disk went away.", permanent=False, certain=False)
        return answer

    async def held(self, endpoint: Endpoint) -> list[str]:
        page = self._folder / str(endpoint.remote_id)
        return [json.loads(line)["text"] for line in page.read_text().splitlines()] if page.exists() else []

    async def have(self, trouble: Trouble | None) -> None:
        self._trouble = trouble
        self.wiring.settings.DIARY_DIR = self._folder / TOO_LONG if trouble == "away" else self._folder

    async def write(self, endpoint: Endpoint, text: str, *, key: int) -> None:
        author = RemoteAuthor(remote_id="office", nick="The office")
        incoming = Incoming(f"line {key}", author, text, created_at=timezone.now())
        await db(receive_message, endpoint.pk, incoming)


class TestDiary(ServiceContract):
    path = "documented_diary.DiaryService"

    @pytest.fixture(autouse=True)
    def _documented(self, diary: types.ModuleType) -> types.ModuleType:
        return diary

    @pytest.fixture
    async def rig(self, _documented: types.ModuleType, wiring: Wiring, tmp_path: Path) -> Rig:
        return DiaryRig(_documented, wiring, tmp_path / "diary")
