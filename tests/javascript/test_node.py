"""The page's modules without a DOM, in Node. By hand: `node --test tests/javascript/model/room.test.js`."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pydantic
import pytest

from bridge.live.registry import entries
from bridge.protocol.commands import Frame
from tests.javascript.node import node
from tests.web import schema

HERE = Path(__file__).parent
FILES = {str(path.relative_to(HERE)): path for path in sorted(HERE.rglob("*.test.js"))}


@pytest.mark.parametrize("name", FILES)
def test_in_node(name: str, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.touch()
    node("--test", FILES[name], FRAMES=str(frames))
    for line in frames.read_text().splitlines():
        check(json.loads(line))


def check(frame: dict[str, Any]) -> None:
    """Raises where the page sent what the server refuses, or the test's server said what the real one never does."""
    if "command" in frame:
        asked = Frame.model_validate(frame)
        entries[asked.command].payload.model_validate(asked.payload)
    else:
        command = frame.pop("answers")
        schema.check(frame, {"command": command})


def test_a_frame_that_the_protocol_does_not_know_is_found() -> None:
    frame = {
        "reply": "1",
        "ok": True,
        "payload": {"heads": {}, "time": "2026-05-04T12:00:00Z"},
        "answers": "ping",
    }
    check(dict(frame))
    for wrong in (
        {**frame, "payload": {"heads": {}}},
        {"command": "typing.start", "id": "1", "payload": {}},
        {"event": "typing.started", "payload": {}, "answers": None},
    ):
        with pytest.raises((pydantic.ValidationError, jsonschema.ValidationError)):
            check(wrong)
