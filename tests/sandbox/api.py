"""Calls the sandbox's HTTP API as a bot does, and holds each answer against Discord's own description."""

import json
from pathlib import Path
from typing import Any, Self

import aiohttp
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from bridge.sandbox import defaults

DESCRIPTION: dict[str, Any] = json.loads((Path(__file__).parent / "openapi" / "discord.json").read_text())
ROUTES = {f"{method.upper()} {path}" for path, methods in DESCRIPTION["paths"].items() for method in methods}

_URI = "urn:discord"
_REGISTRY: Registry[Any] = Registry().with_resource(
    _URI, Resource(contents=DESCRIPTION, specification=DRAFT202012)
)


def pointer(*steps: str) -> str:
    return f"{_URI}#/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)


def described(route: str, status: int) -> tuple[str, ...]:
    """Return where the description keeps this answer; fails where it knows no such answer."""
    method, path = route.split(" ")
    responses = DESCRIPTION["paths"][path][method.lower()]["responses"]
    key = str(status) if str(status) in responses else f"{status // 100}XX"
    assert key in responses, f"{route} never answers {status}"
    where: tuple[str, ...] = ("paths", path, method.lower(), "responses", key)
    reference = responses[key].get("$ref")
    return tuple(reference.removeprefix("#/").split("/")) if reference else where


def check(route: str, status: int, content_type: str | None, body: Any) -> None:
    """Hold an answer against the description: status, content type and every field."""
    where = described(route, status)
    response = DESCRIPTION
    for step in where:
        response = response[step]
    if "content" not in response:
        assert body is None, f"{route} has no body for {status}"
        return
    assert content_type == "application/json"
    schema = {"$ref": pointer(*where, "content", "application/json", "schema")}
    validator = Draft202012Validator(
        schema, registry=_REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    problems = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(body)]
    assert not problems, f"{route} {status}: {problems}\n{json.dumps(body)[:1500]}"


class Api:
    """A bot without a library. Every answer is checked; `called` says which routes were."""

    def __init__(self, base: str, *, token: str = defaults.TOKEN) -> None:
        self._url = defaults.api_url(base)
        self._token = token
        self.called: set[str] = set()

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bot {self._token}"}
        self._session = aiohttp.ClientSession(headers=headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def call(
        self, route: str, *, status: int = 200, json: Any = None, params: Any = None, **place: Any
    ) -> Any:
        """Call a route of the description, `place` filling its path; return the body."""
        method, path = route.split(" ")
        self.called.add(route)
        url = self._url + path.format(**place)
        async with self._session.request(method, url, json=json, params=params) as response:
            text = await response.text()
            body = None if response.status == 204 else response_body(text)
            assert response.status == status, f"{route}: {response.status} {text[:500]}"
            check(route, status, response.headers.get("Content-Type"), body)
            return body


def response_body(text: str) -> Any:
    return json.loads(text)
