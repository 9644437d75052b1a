"""The OpenAPI description of the HTTP API, generated from the models that validate its requests."""

from functools import lru_cache
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe
from pydantic import TypeAdapter

from bridge import __version__
from bridge.errors import HTTP_STATUS
from bridge.http.addresses import operations
from bridge.http.operations import Operation
from bridge.schemas.described import ERROR_BODY, closed, explain

API = "/api/"
DESCRIPTION = """\
What a web page does over the chat socket, for programs without a socket: the same commands, permissions, limits and
error codes. A visitor's token comes from POST /api/session and goes into the header Authorization: Bearer. Every
address below accepts `inbox`, the name of the inbox."""

_WORDS = {
    400: "The body is not a JSON object.",
    401: "The token is missing, invalid, expired or revoked.",
    403: "The caller is not permitted, muted or blocked.",
    404: "It does not exist, or the caller may not see it: the answer is the same.",
    408: "The body did not arrive in time.",
    409: "It conflicts with what already exists, or the conversation is closed.",
    413: "The message or the request is too large.",
    414: "The address is longer than 8 KiB.",
    415: "The body has no JSON content type.",
    422: "A parameter or a field of the body is invalid.",
    428: "A proof of work is required: `details` has the challenge.",
    429: "Too many requests: Retry-After has the seconds to wait.",
    500: "An error of the server.",
    503: "Temporarily unavailable.",
}


def description(*, server: str = "/") -> dict[str, Any]:
    schemas: dict[str, Any] = {"Error": closed({"error": ERROR_BODY})}
    paths: dict[str, Any] = {}
    for operation in operations():
        paths.setdefault(API + operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ChatBridge", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {
                str(status): {
                    "description": words,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
                for status, words in _WORDS.items()
            },
            "securitySchemes": {
                "visitor": {"type": "http", "scheme": "bearer", "description": "Of POST /api/session."},
                "staff": {"type": "http", "scheme": "bearer", "description": "Of manage.py staff_token."},
            },
        },
    }


@require_safe
def served(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        _described(server()), content_type="application/json", headers={"Access-Control-Allow-Origin": "*"}
    )


def server() -> str:
    """The path at which this site includes `bridge.urls`."""
    return reverse("bridge:openapi").removesuffix(f"{API}openapi.json") or "/"


@lru_cache(maxsize=4)
def _described(server: str) -> bytes:
    """Cached, because it takes half a second and anybody may request it."""
    return orjson.dumps(description(server=server))


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    payload = _schema(operation.entry.payload, schemas)
    fields: dict[str, Any] = payload.get("properties", {})
    required = payload.get("required", [])
    result: dict[str, Any] = {
        "operationId": _id(operation),
        "summary": operation.summary,
        "tags": [operation.path.split("/")[0]],
        "parameters": _parameters(operation, fields, required),
        "responses": _responses(operation, schemas),
    }
    if operation.takes_body and operation.elsewhere:
        result["requestBody"] = _request_body(operation, fields, required)
    if operation.caller != "anyone":
        result["security"] = [{operation.caller: []}]
    return result


def _id(operation: Operation) -> str:
    words = [part.strip("{}") for part in operation.path.split("/")]
    return "_".join([operation.method.lower(), *words])


def _parameters(operation: Operation, fields: dict[str, Any], required: list[str]) -> list[dict[str, Any]]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": fields[name]} for name in operation.in_path
    ]
    if not operation.takes_body:
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": _optional(fields[name])}
            for name in operation.elsewhere
        ]
    for name, (adapter, default, text) in operation.places.items():
        schema = adapter.json_schema() | {"default": default}
        parameters.append(
            {"name": name, "in": "query", "required": False, "schema": schema, "description": text}
        )
    return parameters


def _optional(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without null: a query has no null, and a missing value is left out."""
    if "anyOf" not in schema:
        return schema
    (base,) = [variant for variant in schema["anyOf"] if variant != {"type": "null"}]
    return {**{name: value for name, value in schema.items() if name not in {"anyOf", "default"}}, **base}


def _request_body(operation: Operation, fields: dict[str, Any], required: list[str]) -> dict[str, Any]:
    needed = [name for name in operation.elsewhere if name in required]
    schema = closed({name: fields[name] for name in operation.elsewhere}, required=needed)
    return {"required": bool(needed), "content": {"application/json": {"schema": schema}}}


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    reply = _schema(operation.entry.reply, schemas)
    if operation.next_page is not None:
        properties = reply["properties"] | {"next": {"type": ["string", "null"], "format": "uri-reference"}}
        reply = {**reply, "properties": properties, "required": [*reply["required"], "next"]}
    good: dict[str, Any] = {"description": operation.summary + "."}
    if operation.status != 204:
        good["content"] = {"application/json": {"schema": reply}}
    refusals = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _refusals(operation)}
    return {str(operation.status): good} | refusals


def _refusals(operation: Operation) -> list[int]:
    statuses = {401, 403, 404, 414, 422, 429, 500, 503}
    if operation.takes_body:
        statuses |= {400, 408, 409, 413, 415}
    if operation.method == "DELETE" or "{room}" in operation.path:
        statuses.add(409)
    if "proof" in operation.entry.payload.model_fields:
        statuses.add(428)
    assert statuses <= {*HTTP_STATUS.values(), 408, 414, 415}  # noqa: S101  # what the door can answer
    return sorted(statuses)


def _schema(of: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    root = TypeAdapter(of).json_schema(ref_template="#/components/schemas/{model}")
    definitions = root.pop("$defs", {})
    for name, schema in (definitions | {of.__name__: root}).items():
        explain(name, schema)
    schemas.update(definitions)
    return root
