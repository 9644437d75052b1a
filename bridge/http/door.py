"""The views of the HTTP API, which pass requests to operations and answer with replies or refusals.

They contain no rules.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlencode

import orjson
from asgiref.sync import markcoroutinefunction
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from bridge.errors import BridgeError, Code
from bridge.http.operations import Operation, RequestSession
from bridge.identity.entrance import claimed_visitor, opens_any_inbox
from bridge.identity.handshake import Handshake, read_handshake
from bridge.infra.bodies import Refused, response_to, too_large
from bridge.live.registry import perform
from bridge.live.worker import Worker
from bridge.protocol import MAX_FRAME
from bridge.protocol.values import Payload

logger = logging.getLogger(__name__)

PREFLIGHT_AGE = 600
"""Seconds for which browsers cache the answer to a CORS preflight request."""
_NUMBER = re.compile(r"-?[0-9]{1,17}\Z")


class Address:
    """The view of one path, with an operation for each of its methods."""

    # Other sites cannot send tokens. Cookies are checked by `identity.handshake`, and `staff_permissions` for staff.
    csrf_exempt = True

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations: dict[str, Operation] = {operation.method: operation for operation in operations}
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest, **in_path: str) -> HttpResponse:
        try:
            response = await self._answer(request, in_path)
        except BridgeError as refusal:
            response = refused(refusal)
        except Exception:
            logger.exception("A request failed: %s %s", request.method, request.path)
            response = refused(BridgeError(Code.INTERNAL, "Something went wrong on the server."))
        return _with_headers(request, response)

    async def _answer(self, request: HttpRequest, in_path: Mapping[str, str]) -> HttpResponse:
        if not hasattr(request, "scope"):
            raise BridgeError(Code.UNAVAILABLE, "The HTTP API requires that the site runs under ASGI.")
        # Whether Redis is available or not: messages are stored, and pages get them later.
        await Worker.current().ready()
        handshake = read_handshake(request.scope)
        method = "GET" if request.method == "HEAD" else str(request.method)
        try:
            response = await self._respond(method, request, handshake, in_path)
        except BridgeError as refusal:
            response = refused(refusal)
        if method not in self._operations:
            head = ["HEAD"] if "GET" in self._operations else []
            response["Allow"] = ", ".join([*self._operations, *head, "OPTIONS"])
        await self._tell_origin(response, handshake)
        return response

    async def _respond(
        self, method: str, request: HttpRequest, handshake: Handshake, in_path: Mapping[str, str]
    ) -> HttpResponse:
        if method == "OPTIONS":
            return HttpResponse(status=204)
        if method not in self._operations:
            raise Refused(405, Code.UNKNOWN_COMMAND, f"{method} is not available here.")
        return await _perform(self._operations[method], request, handshake, in_path)

    async def _tell_origin(self, response: HttpResponse, handshake: Handshake) -> None:
        """Let another site's page read the response if an inbox allows that site, but never with our cookies."""
        if not handshake.origin or any(
            operation.caller == "staff" for operation in self._operations.values()
        ):
            return
        try:
            if not await Worker.current().database.run(opens_any_inbox, handshake.origin):
                return
        except (OperationalError, InterfaceError):
            # The response already says that the database is unavailable.
            return
        response["Access-Control-Allow-Origin"] = handshake.origin
        response["Access-Control-Expose-Headers"] = "Retry-After"
        response["Access-Control-Allow-Methods"] = ", ".join(self._operations)
        response["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response["Access-Control-Max-Age"] = str(PREFLIGHT_AGE)


async def nowhere(request: HttpRequest, **_: str) -> HttpResponse:
    return _with_headers(request, refused(BridgeError(Code.UNKNOWN_COMMAND, "This address does not exist.")))


async def _perform(
    operation: Operation, request: HttpRequest, handshake: Handshake, in_path: Mapping[str, str]
) -> HttpResponse:
    process = Worker.current()
    query = _query(request, operation)
    given = {name: query.pop(name) for name in operation.places if name in query}
    session = RequestSession(handshake, process.presence, process.database, request=request, given=given)
    if operation.caller == "visitor":
        # For the throttles, which come before the check whether the token is still valid.
        session.visitor = claimed_visitor(handshake.credentials)
    body = _body(request) if operation.takes_body else {}
    payload = {**_typed(query, operation), **body}
    if payload.keys() & in_path.keys():
        raise BridgeError(Code.INVALID_PAYLOAD, "A value from the address cannot be a field of the body.")
    reply = await perform(session, operation.entry, {**payload, **in_path}, process.throttler)
    if operation.status == 204:
        return HttpResponse(status=204)
    if operation.next_page is not None:
        reply = {**reply, "next": _next(request, operation.next_page(reply))}
    return HttpResponse(orjson.dumps(reply), status=operation.status, content_type="application/json")


def _query(request: HttpRequest, operation: Operation) -> dict[str, str]:
    for name, values in request.GET.lists():
        if len(values) > 1:
            raise BridgeError(Code.INVALID_PAYLOAD, f"{name}: it occurs twice"[:300])
    query = {name: str(value) for name, value in request.GET.items()}
    if operation.takes_body and (unknown := query.keys() - operation.places.keys()):
        raise BridgeError(Code.INVALID_PAYLOAD, f"{min(unknown)}: this address has no such parameter"[:300])
    return query


def _typed(query: Mapping[str, str], operation: Operation) -> dict[str, Any]:
    """The query's values, which are all text, converted to integers for the payload's integer fields."""
    numbers = _numbers(operation.entry.payload)
    return {
        name: int(text) if name in numbers and _NUMBER.match(text) else text for name, text in query.items()
    }


@cache
def _numbers(payload: type[Payload]) -> frozenset[str]:
    """The payload's fields that are integers."""
    fields = payload.model_json_schema().get("properties", {})
    return frozenset(
        name
        for name, schema in fields.items()
        if any(variant.get("type") == "integer" for variant in [schema, *schema.get("anyOf", [])])
    )


def _body(request: HttpRequest) -> dict[str, Any]:
    announced = request.headers.get("Content-Length", "")
    text = request.read(MAX_FRAME + 1)
    if len(text) > MAX_FRAME or (announced.isdecimal() and int(announced) > MAX_FRAME):
        raise too_large(MAX_FRAME)
    if not text:
        return {}
    if request.content_type != "application/json":
        raise Refused(415, Code.INVALID_FRAME, "The body must be JSON, with Content-Type: application/json.")
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise BridgeError(Code.INVALID_FRAME, "The body must be a JSON object.")
    return body


def _next(request: HttpRequest, instead: Mapping[str, Any] | None) -> str | None:
    """The URL of the next page: this one with another position."""
    if instead is None:
        return None
    query = {name: str(value) for name, value in request.GET.items()}
    return f"{request.path}?{urlencode(query | dict(instead))}"


def refused(error: BridgeError) -> HttpResponse:
    response = response_to(error)
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def _with_headers(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    patch_vary_headers(response, ["Origin", "Cookie", "Authorization"])
    if request.method == "HEAD":
        length = str(len(response.content))
        response.content = b""
        response["Content-Length"] = length
    return response
