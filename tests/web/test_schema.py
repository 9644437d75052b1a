"""The published description of the protocol is current, and the code answers by it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from django.core.management import CommandError, call_command
from jsonschema import Draft7Validator, Draft202012Validator, ValidationError
from pydantic import BaseModel, ConfigDict, Field

from bridge import protocol, schemas
from bridge.live import groups, registry
from bridge.live.routing import websocket_urlpatterns
from bridge.management.commands import protocol_schema
from bridge.protocol.events import EVENTS, TypingPayload
from tests.web import schema as published


def test_the_published_schema_and_the_reference_are_current() -> None:
    call_command("protocol_schema", "--check")


def test_what_is_not_current_is_found(tmp_path: Path, settings: pytest.FixtureRequest) -> None:
    root = settings.BASE_DIR  # type: ignore[attr-defined]
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]
    reference = (root / protocol_schema.REFERENCE).read_text()
    files = [path for path, _ in protocol_schema.FORMATS.values()]
    for each in (protocol_schema.REFERENCE, *files):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / protocol_schema.REFERENCE).write_text(reference)
    for each in files:
        with pytest.raises(CommandError, match=f"{each.name} is out of date"):
            call_command("protocol_schema", "--check")
        (tmp_path / each).write_text((root / each).read_text())
    call_command("protocol_schema", "--check")
    (tmp_path / protocol_schema.REFERENCE).write_text(reference.replace("| `ping` |", "| `pong` |"))
    with pytest.raises(CommandError, match=r"protocol\.md"):
        call_command("protocol_schema", "--check")
    call_command("protocol_schema", "--write")
    call_command("protocol_schema", "--check")


def test_in_another_project_there_is_nothing_to_write(
    tmp_path: Path, settings: pytest.FixtureRequest
) -> None:
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]
    for option in ("--write", "--check"):
        with pytest.raises(CommandError, match="only ChatBridge's own repository"):
            call_command("protocol_schema", option)
    assert list(tmp_path.iterdir()) == []


def test_the_page_knows_which_events_are_its_own() -> None:
    """It leaves all others to the site's scripts."""
    script = (_shipped("typescript").parent / "model" / "chat.js").read_text()
    (names,) = re.findall(r"const OWN_EVENTS = new Set\((\[.*?\])\);", script, re.DOTALL)
    assert set(json.loads(names)) == {name.partition(".")[0] for name in EVENTS}


def test_it_is_a_schema_and_names_every_frame_of_every_app(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("protocol_schema")
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    frames = {each["$ref"].removeprefix("#/$defs/") for each in schema["oneOf"]}
    assert frames == (
        {f"command:{name}" for name in registry.entries}
        | {f"reply:{name}" for name in registry.entries}
        | {f"event:{name}" for name in EVENTS}
        | {f"event:{name}" for name in groups.events}
        | {"reply:error"}
    )
    assert {"command:shop.status", "event:shop.shipped"} <= frames


def test_what_is_shipped_is_ours_alone() -> None:
    assert not any("shop." in path.read_text() for path in map(_shipped, protocol_schema.FORMATS))


def _shipped(format: str) -> Path:
    return Path(published.PUBLISHED.parent.parent / protocol_schema.FORMATS[format][0])


def test_the_asyncapi_document_is_one_by_the_official_schema(capsys: pytest.CaptureFixture[str]) -> None:
    official = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text())
    validator = Draft7Validator(official)
    validator.validate(json.loads(_shipped("asyncapi").read_text()))
    call_command("protocol_schema", "asyncapi")
    document = json.loads(capsys.readouterr().out)
    validator.validate(document)
    with pytest.raises(ValidationError):
        validator.validate(document | {"channels": {"chat": {"messages": {"one": "none"}}}})


def test_the_asyncapi_document_tells_of_every_command_and_event() -> None:
    document = schemas.document(schemas.everything())
    operations = document["operations"]
    assert set(operations) == {
        *(f"command.{name}" for name in registry.entries),
        *(f"event.{name}" for name in (*EVENTS, *groups.events)),
    }
    assert "use shop.status" in operations["command.shop.state"]["description"]
    assert operations["command.shop.rare"]["description"] == "At most 2 from one visitor in 86400 s."
    for pointer in _references(document):
        part = document
        for step in pointer.removeprefix("#/").split("/"):
            part = part[step]
    assert document["channels"]["chat"]["address"] == "/" + str(websocket_urlpatterns[0].pattern)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for each in part:
            yield from _references(each)
    elif isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from _references(each)


def test_the_types_of_an_app_are_in_the_typescript(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("protocol_schema", "typescript")
    text = capsys.readouterr().out
    assert (
        """
export interface OrderStatus {
  number: string;
  state: string;
  /** Seconds are left out: “09:30”. */
  open_at?: string | null;
}
"""
        in text
    )
    assert '  "shop.status": {\n    payload: Status;\n    reply: OrderStatus;\n  };\n' in text
    assert '  /** @deprecated shop.state is deprecated: use shop.status */\n  "shop.state": {' in text
    assert '  "shop.rare": {\n    payload?: NoPayload;\n    reply: Nothing;\n  };\n' in text
    assert '  "shop.shipped": {\n    event: "shop.shipped";\n    payload: Shipped;\n' in text


def test_two_apps_may_have_a_model_of_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Author(BaseModel):
        books: int

    described = schemas.Described([], {"book.written": Author, "typing.started": TypingPayload})
    payloads, definitions = described.payloads(refer="{model}")
    ours = definitions[
        definitions[payloads["event", "typing.started"]["$ref"]]["properties"]["author"]["$ref"]
    ]
    theirs = definitions[payloads["event", "book.written"]["$ref"]]
    assert "avatar" in ours["properties"]
    assert set(theirs["properties"]) == {"books"}


class Empty(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Shapes(BaseModel):
    """Every shape that a model may have, */ too."""

    model_config = ConfigDict(extra="forbid")
    pair: tuple[int, str]
    kinds: list[Literal["a", "b"] | None]
    counts: dict[str, list[float]]
    nothing: Empty
    anything: Any
    odd_name: bool = Field(alias="odd-name")


def test_every_shape_of_a_model_has_its_type() -> None:
    text = schemas.types(schemas.Described([], {"shop.shapes": Shapes}))
    assert (
        """
/** Every shape that a model may have, *\\/ too. */
export interface Shapes {
  pair: [number, string];
  kinds: ("a" | "b" | null)[];
  counts: Record<string, number[]>;
  nothing: Empty;
  anything: unknown;
  "odd-name": boolean;
}
"""
        in text
    )
    assert "export type Empty = Record<string, never>;\n" in text


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
