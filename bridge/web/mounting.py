"""Normalises the path of each request, however server and proxy split it, and refuses HTTP at the socket's address."""

import logging
from typing import Any

from bridge.errors import Code
from bridge.infra import addresses, bodies
from bridge.infra.notices import warn_once

logger = logging.getLogger(__name__)


class Mounted:
    """An ASGI application at the path that SITE_URL or FORCE_SCRIPT_NAME names.

    A proxy may keep or remove that path when it passes a request on. The application always sees it in `path` and
    `root_path`, as ASGI requires.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope = _placed(scope)
            if scope["type"] == "http" and scope["path"] == f"{scope['root_path']}{addresses.SOCKET}":
                await _refuse(scope, send)
                return
        await self._application(scope, receive, send)


def _placed(scope: Any) -> Any:
    root = scope.get("root_path", "").rstrip("/")
    below = addresses.below()
    if root and root != below:
        # Only once, because a client of daphne may send it in a header.
        warn_once(
            logger,
            "The server says that this site is below %r, but the settings say %r. Links in messages to services, and "
            "links to files, would not work. Set SITE_URL to the address of the site, including that path.",
            root,
            below or "/",
        )
        below = below or root
    # uvicorn adds its --root-path even if the proxy has kept it; daphne never does.
    inside = _without(below, _without(root, scope["path"]) if root else scope["path"])
    return {**scope, "root_path": below, "path": f"{below}{inside}"}


def _without(beginning: str, path: str) -> str:
    return path.removeprefix(beginning) if path.startswith(f"{beginning}/") else path


async def _refuse(scope: Any, send: Any) -> None:
    """If a page cannot open its socket, it requests this address to find out why (`static/bridge/wire/probe.js`)."""
    if any(name == b"sec-websocket-key" for name, _ in scope["headers"]):
        warn_once(
            logger,
            "A proxy in front removed the WebSocket upgrade from a browser's request, so nobody can chat. "
            "nginx needs: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
            'proxy_set_header Connection "upgrade"; (docs/operating.md).',
        )
    error = bodies.Refused(426, Code.UNKNOWN_COMMAND, "This address accepts only WebSockets.")
    status, headers, body = bodies.answer_to(error, ours=True)
    headers += [(b"upgrade", b"websocket"), (b"connection", b"upgrade")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
