"""Programs that speak HTTP to the real ASGI application. Each answer is held against the published description."""

import json
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from asgiref.testing import ApplicationCommunicator
from jsonschema import Draft202012Validator

PUBLISHED = Path(__file__).resolve().parent.parent.parent / "docs" / "openapi.json"


@cache
def published() -> dict[str, Any]:
    return dict(json.loads(PUBLISHED.read_text()))


def check(method: str, path: str, status: int, body: Any) -> None:
    """Raises where an answer is not as the description says."""
    document = published()
    operation = _operation(document, method, path)
    if operation is None or status == 405:
        schema = {"$ref": "#/components/schemas/Error"}
    else:
        assert str(status) in operation["responses"], f"{method} {path}: {status} is not described: {body}"
        response = operation["responses"][str(status)]
        if "$ref" in response:
            response = document["components"]["responses"][str(status)]
        schema = response["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(body)


def _operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    parts = path.split("/")
    for template, methods in document["paths"].items():
        names = template.split("/")
        if len(names) == len(parts) and all(
            name.startswith("{") or name == part for name, part in zip(names, parts, strict=True)
        ):
            found: dict[str, Any] | None = methods.get(method.lower())
            return found
    return None


PATIENCE = 60.0


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


class Refused(Exception):
    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.error = answer.json()["error"]
        self.headers = answer.headers
        super().__init__(f"{self.status} {self.error}")


class Caller:
    """A program with a token; or a page, where it is given a cookie and an origin."""

    def __init__(self, *, token: str = "", address: str = "192.0.2.1", inbox: str = "") -> None:
        self.token = token
        self.address = address
        self.inbox = inbox
        self.headers: dict[str, str] = {}

    async def start(self, **payload: Any) -> dict[str, Any]:
        if self.inbox:
            payload.setdefault("inbox", self.inbox)
        started = await self.post("/api/session", **payload)
        self.token = started["token"] or self.token
        return started

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Whatever the answer is. Headers' names have _ for -."""
        sent = {"host": "testserver", **self.headers}
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        if body is not None:
            sent["content-type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if self.inbox and path != "/api/session":
            path += ("&" if "?" in path else "?") + f"inbox={self.inbox}"
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = await self._send(method, path, data, sent)
        if method != "HEAD" and answer.content:
            check(method, unquote(path.partition("?")[0]), answer.status, answer.json())
        return answer

    async def _send(self, method: str, path: str, data: bytes, headers: dict[str, str]) -> Answer:
        from chatbridge_site.asgi import application

        address, _, query = path.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(address),
            "raw_path": quote(address, safe="/%").encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": [self.address, 50000],
            "server": ["testserver", 80],
        }
        exchange = ApplicationCommunicator(application, scope)
        await exchange.send_input({"type": "http.request", "body": data})
        start = await exchange.receive_output(PATIENCE)
        content, more = b"", True
        while more:
            piece = await exchange.receive_output(PATIENCE)
            content += piece.get("body", b"")
            more = piece.get("more_body", False)
        await exchange.wait(PATIENCE)
        got = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], got, content)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """What came back. Raises Refused."""
        answer = await self.ask(method, path, body, **headers)
        if answer.status >= 400:
            raise Refused(answer)
        return dict(answer.json())

    async def get(self, path: str) -> dict[str, Any]:
        return await self.call("GET", path)

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        return await self.call("POST", path, body)

    async def refused(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """The status and the code with which it is refused."""
        try:
            answer = await self.call(method, path, body, **headers)
        except Refused as refused:
            return refused.status, str(refused.error["code"])
        raise AssertionError(f"it was answered with {answer}")

    async def write(self, content: str, path: str = "/api/messages", **body: Any) -> dict[str, Any]:
        body.setdefault("client_id", str(uuid.uuid4()))
        return dict((await self.post(path, content=content, **body))["message"])
