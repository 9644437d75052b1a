"""An HTTP client that sends files and other requests to the real ASGI application."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from asgiref.testing import ApplicationCommunicator

from bridge.identity.tokens import COOKIE_NAME
from tests.files.pictures import png

PATIENCE = 60.0


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """Why a file was not taken."""
        error = self.json["error"]
        return str(error["details"].get("reason", error["code"]))


async def http(
    method: str,
    path: str,
    *,
    body: bytes | Iterable[bytes] = b"",
    token: str | None = None,
    cookie: str | None = None,
    headers: dict[str, str] | None = None,
    address: str = "192.0.2.1",
) -> Answer:
    from chatbridge_site.asgi import application

    sent = {"host": "testserver", **(headers or {})}
    if token is not None:
        sent["authorization"] = f"Bearer {token}"
    if cookie is not None:
        sent["cookie"] = f"{COOKIE_NAME}={cookie}"
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": (address, 50000),
        "server": ("testserver", 80),
    }
    there = ApplicationCommunicator(application, scope)
    pieces = [body] if isinstance(body, bytes) else list(body)
    for number, piece in enumerate(pieces, start=1):
        message = {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        await there.send_input(message)
    return await _answer(there)


async def _answer(there: ApplicationCommunicator) -> Answer:
    start = await there.receive_output(PATIENCE)
    found, more = b"", True
    while more:
        message = await there.receive_output(PATIENCE)
        found, more = found + message.get("body", b""), message.get("more_body", False)
    await there.wait(PATIENCE)
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, found)


async def upload(token: str | None, name: str, data: bytes | Iterable[bytes], **options: Any) -> Answer:
    inbox = options.pop("inbox", "default")
    return await http("POST", f"/files/?inbox={inbox}&name={quote(name)}", body=data, token=token, **options)


async def uploaded(token: str | None, name: str = "cat.png", data: bytes | None = None) -> dict[str, Any]:
    """A file that must be taken."""
    answer = await upload(token, name, png() if data is None else data)
    assert answer.status == 201, answer.body
    return dict(answer.json)
