"""The description of the HTTP API is current, and schemathesis holds a running server against it."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
import schemathesis
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import include, path
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig

from bridge.chat.actions import save_room
from bridge.identity import staff_tokens
from bridge.models import Inbox, Room
from tests.http.caller import PUBLISHED, published
from tests.http.server import Server

load_all_checks()
ANSWERS = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
REFUSALS = [*ANSWERS, *CHECKS.get_by_names(["negative_data_rejection", "unsupported_method", "ignored_auth"])]
CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            "negative_data_rejection": {
                # 413 besides: too long is a violation, too.
                "expected-statuses": ["400", "401", "403", "404", "409", "413", "415", "422"]
            }
        }
    }
)
EXAMPLES = 10
"""For each operation and each way: a few hundred requests in all."""


def test_the_published_description_is_current(tmp_path: Path, settings: Any) -> None:
    call_command("http_schema", "--check")
    settings.BASE_DIR = tmp_path
    for option in ("--write", "--check"):
        with pytest.raises(CommandError, match="only ChatBridge's own repository"):
            call_command("http_schema", option)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / PUBLISHED.name).write_text("{}")
    with pytest.raises(CommandError, match="is out of date"):
        call_command("http_schema", "--check")
    call_command("http_schema", "--write")
    call_command("http_schema", "--check")
    out = StringIO()
    call_command("http_schema", stdout=out)
    assert json.loads(out.getvalue()) == published()


class Scene:
    """Somebody with a conversation and a room, and a user of staff."""

    def __init__(self, url: str) -> None:
        self.url = url
        save_room(
            Room(inbox=Inbox.objects.get(name="default"), slug="lobby"),
            endpoints={"discord": "9" * 18},
            is_open=True,
        )
        self.token = self._post("session")["token"]
        said = [self._post("messages", client_id=str(uuid.uuid4()), content=f"Message {n}") for n in range(3)]
        self._post("rooms/lobby/join")
        user = User.objects.create_superuser("sam", password="secret")
        self.staff = staff_tokens.issue(user, lasts=timedelta(days=1))
        message = said[0]["message"]
        self.there = {
            "connection": message["connection"],
            "message": message["uid"],
            "room": "lobby",
            "emoji": "👍",
        }

    def _post(self, path: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if hasattr(self, "token") else {}
        answer = requests.post(f"{self.url}/api/{path}", json=body, headers=headers, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def headers(self, operation: Any) -> dict[str, str]:
        token = self.staff if "/staff/" in operation.path else self.token
        return {"Authorization": f"Bearer {token}"} if "/session" not in operation.path else {}


@pytest.fixture
def scene(
    settings_without_limits: None, valkey_url: str, inbox: Inbox, transactional_db: None
) -> Iterator[Scene]:
    with Server() as server:
        yield Scene(server.url)


def operations() -> Iterator[Any]:
    for result in schemathesis.openapi.from_dict(published(), config=CONFIG).get_all_operations():
        yield result.ok()


def hold(
    scene: Scene, operation: Any, checks: list[Any], *, mode: GenerationMode, **strategy: Any
) -> list[int]:
    """Ask for it in so many ways. Returns the statuses of its answers."""
    statuses: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, **strategy))
    def ask(case: Case) -> None:
        headers = scene.headers(operation)
        answer = case.call(base_url=scene.url, headers=headers)
        statuses.append(answer.status_code)
        case.validate_response(answer, checks=checks, headers=headers, transport_kwargs={"headers": headers})

    ask()
    return statuses


@pytest.mark.timeout(600)
def test_what_is_described_is_answered_as_described(scene: Scene) -> None:
    for operation in operations():
        hold(scene, operation, ANSWERS, mode=GenerationMode.POSITIVE)


@pytest.mark.timeout(600)
def test_what_is_there_is_answered_as_described(scene: Scene) -> None:
    good: set[str] = set()
    for operation in operations():
        in_path = {each.name for each in operation.path_parameters}
        given = {name: value for name, value in scene.there.items() if name in in_path}
        found = hold(scene, operation, ANSWERS, mode=GenerationMode.POSITIVE, path_parameters=given or None)
        if any(status < 300 for status in found):
            good.add(operation.label)
    assert len(good) >= 15, good


@pytest.mark.timeout(600)
def test_what_is_not_described_is_refused(scene: Scene) -> None:
    for operation in operations():
        hold(scene, operation, REFUSALS, mode=GenerationMode.NEGATIVE)


def test_it_is_served_where_the_site_is(scene: Scene) -> None:
    answer = requests.get(f"{scene.url}/api/openapi.json", timeout=30)
    assert answer.json() == published()
    assert PUBLISHED.name == "openapi.json"


def test_its_addresses_follow_the_app(settings: Any) -> None:
    settings.ROOT_URLCONF = ModuleType("urls")
    settings.ROOT_URLCONF.urlpatterns = [path("chat/", include("bridge.urls"))]
    answer = Client().get("/chat/api/openapi.json")
    assert answer.json() == published() | {"servers": [{"url": "/chat"}]}
