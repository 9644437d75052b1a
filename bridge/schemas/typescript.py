"""TypeScript types made from the AsyncAPI document, for pages that are written with a compiler."""

import json
import re
from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]

HEAD = """\
// The wire protocol of ChatBridge, version {version}: `manage.py protocol_schema typescript` makes this file.

"""
TAIL = """
export type ErrorCode = ErrorFrame["error"]["code"];
export type CommandName = keyof Commands;
export type EventName = keyof Events;
export type EventFrame = Events[EventName];

/** What a command is rejected with that the server refused. */
export interface CommandFailed extends Error {
  code: ErrorCode;
  details: Record<string, unknown>;
}

/** What the chat's page gives to the site's own scripts: `window.chatbridge`. */
export interface ChatSocket extends EventTarget {
  readonly state: "connecting" | "ready" | "waiting" | "stopped";
  /** Rejects with CommandFailed, or with another error where the connection is lost. */
  command<Name extends CommandName>(
    name: Name,
    payload?: Commands[Name]["payload"],
  ): Promise<Commands[Name]["reply"]>;
  addEventListener(type: "event", listener: (event: CustomEvent<EventFrame>) => void): void;
  addEventListener(
    type: "session",
    listener: (event: CustomEvent<Commands["session.start"]["reply"]>) => void,
  ): void;
  addEventListener(type: "state", listener: (event: Event) => void): void;
}

/** Where `{% chat_widget %}` is: dispatches "socket" once it has one. */
export interface ChatWidget extends HTMLElement {
  readonly socket: ChatSocket | null;
}

declare global {
  interface Window {
    chatbridge: ChatSocket;
  }
  interface HTMLElementTagNameMap {
    "chatbridge-widget": ChatWidget;
  }
}
"""
NAMES = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def types(document: Schema) -> str:
    """An interface for each model, `Commands` by name with payload and reply, `Events` by name with the whole frame."""
    components = document["components"]
    text = HEAD.format(version=document["info"]["version"])
    for name, schema in components["schemas"].items():
        text += _comment(schema, "") + _declaration(_identifier(name), schema) + "\n"
    text += _declaration("ErrorFrame", components["messages"]["reply.error"]["payload"]) + "\n"
    text += "/** What each command carries, and what its reply does. */\nexport interface Commands {\n"
    operations = document["operations"].values()
    for operation in [each for each in operations if each["action"] == "receive"]:
        text += _command(components, operation)
    text += "}\n\n/** The frame of each event. */\nexport interface Events {\n"
    for operation in [each for each in operations if each["action"] == "send"]:
        frame = _payload(components, operation["messages"][0])
        name = frame["properties"]["event"]["const"]
        text += f"  {json.dumps(name)}: {_type(frame, '  ')};\n"
    return text + "}\n" + TAIL


def _command(components: Schema, operation: Schema) -> str:
    frame = _payload(components, operation["messages"][0])
    reply = _payload(components, operation["reply"]["messages"][0])["properties"]["payload"]
    carried = _type(frame["properties"]["payload"], "  ")
    optional = "" if "payload" in frame["required"] else "?"
    name = json.dumps(frame["properties"]["command"]["const"])
    return (
        f"{_comment(frame, '  ')}  {name}: {{ payload{optional}: {carried}; reply: {_type(reply, '  ')} }};\n"
    )


def _payload(components: Schema, reference: dict[str, str]) -> Schema:
    name = reference["$ref"].rpartition("/")[2]
    payload: Schema = components["messages"][name]["payload"]
    return payload


def _declaration(name: str, schema: Schema) -> str:
    if schema.get("properties"):
        return f"export interface {name} {_type(schema, '')}\n"
    return f"export type {name} = {_type(schema, '')};\n"


def _type(schema: Schema | bool, indent: str) -> str:
    if isinstance(schema, bool):
        return "unknown" if schema else "never"
    if "$ref" in schema:
        return _identifier(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return _union(json.dumps(each) for each in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _union(_type(each, indent) for each in schema[several])
    if "allOf" in schema:
        return " & ".join(_in_brackets(_type(each, indent)) for each in schema["allOf"])
    kind = schema.get("type")
    if isinstance(kind, list):
        return _union(_type(schema | {"type": each}, indent) for each in kind)
    if kind == "array":
        return _array(schema, indent)
    if kind == "object":
        return _object(schema, indent)
    return NAMES.get(kind or "", "unknown")


def _array(schema: Schema, indent: str) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(_type(each, indent) for each in schema['prefixItems'])}]"
    return f"{_in_brackets(_type(schema.get('items', {}), indent))}[]"


def _object(schema: Schema, indent: str) -> str:
    if not schema.get("properties"):
        rest = schema.get("additionalProperties", True)
        return "Record<string, never>" if rest is False else f"Record<string, {_type(rest, indent)}>"
    inner = indent + "  "
    required = schema.get("required", [])
    lines = [
        f"{_comment(field, inner)}{inner}{_key(name)}{'' if name in required else '?'}: {_type(field, inner)};\n"
        for name, field in schema["properties"].items()
    ]
    return "{\n" + "".join(lines) + indent + "}"


def _union(types: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(types)) or "never"


def _in_brackets(of: str) -> str:
    return f"({of})" if "|" in of or "&" in of else of


def _comment(schema: Schema | bool, indent: str) -> str:
    if isinstance(schema, bool):
        return ""
    lines = str(schema.get("description", "")).strip().splitlines()
    if schema.get("deprecated"):
        lines = [f"@deprecated {lines[0]}" if lines else "@deprecated"]
    lines = [line.strip().replace("*/", "*\\/") for line in lines]
    if not lines:
        return ""
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    body = "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines)
    return f"{indent}/**\n{body}{indent} */\n"


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name) else json.dumps(name)
