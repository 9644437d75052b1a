"""The published description of the protocol is current, and the code answers by it."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from jsonschema import Draft202012Validator, ValidationError

from bridge import protocol, registry
from bridge.management.commands import protocol_schema
from bridge.protocol import EVENTS
from tests.web import schema as published


def test_the_published_schema_and_the_reference_are_current() -> None:
    call_command("protocol_schema", "--check")


def test_a_schema_that_is_not_current_is_found(tmp_path: Path, settings: pytest.FixtureRequest) -> None:
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]
    (tmp_path / "docs").mkdir()
    reference = (published.PUBLISHED.parent / "protocol.md").read_text()
    (tmp_path / "docs" / "protocol.md").write_text(reference)
    with pytest.raises(CommandError, match="not current"):
        call_command("protocol_schema", "--check")
    call_command("protocol_schema", "--write")
    call_command("protocol_schema", "--check")
    (tmp_path / "docs" / "protocol.md").write_text(reference.replace("| `ping` |", "| `pong` |"))
    with pytest.raises(CommandError, match=r"protocol\.md"):
        call_command("protocol_schema", "--check")


def test_it_is_a_schema_and_names_every_frame(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("protocol_schema")
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    frames = {each["$ref"].removeprefix("#/$defs/") for each in schema["oneOf"]}
    assert frames == (
        {f"command:{name}" for name in registry.entries}
        | {f"reply:{name}" for name in registry.entries}
        | {f"event:{name}" for name in EVENTS}
        | {"reply:error"}
    )


def test_it_refuses_what_is_not_so() -> None:
    with pytest.raises(ValidationError):
        published.check({"reply": "1", "ok": True, "payload": {"heads": {}, "more": 1}}, {"command": "ping"})
    with pytest.raises(ValidationError):
        published.check({"event": "typing.started", "payload": {}}, None)


def test_the_reference_tells_of_every_close_code() -> None:
    text = (published.PUBLISHED.parent / "protocol.md").read_text()
    codes = {value for name, value in vars(protocol).items() if name.startswith("CLOSE_")}
    assert all(f"| {code} |" in text for code in codes)


def test_the_tables_have_their_places() -> None:
    with pytest.raises(CommandError, match="commands"):
        protocol_schema.with_tables("nothing")
