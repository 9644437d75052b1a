"""What uvicorn and daphne do by themselves and must not here: believe a proxy, write keys into their logs."""

import sys
from collections.abc import Mapping
from typing import Any

from chatbridge_site import secrecy


def tame() -> None:
    """Whichever server loads the application: what a proxy says is read in one place, `bridge.identity.handshake`."""
    loaded: Mapping[str, Any] = sys.modules
    if uvicorn := loaded.get("uvicorn.middleware.proxy_headers"):
        uvicorn.ProxyHeadersMiddleware.__call__ = _pass_on
    for name in ("daphne.http_protocol", "daphne.ws_protocol"):
        if daphne := loaded.get(name):
            daphne.parse_x_forwarded_for = _as_it_came
    if access := loaded.get("daphne.access"):
        access.AccessLogGenerator.write_entry = _concealing(access.AccessLogGenerator.write_entry)


async def _pass_on(self: Any, scope: Any, receive: Any, send: Any) -> None:
    """In place of uvicorn's own, which believes whoever asks from 127.0.0.1: any proxy on this machine."""
    await self.app(scope, receive, send)


def _as_it_came(
    headers: Any, address: Any, port: Any, scheme: Any, client: Any = None, spoken: Any = None
) -> tuple[Any, Any]:
    """In place of daphne's own, with --proxy-headers: it takes the first address, which anybody may have written."""
    return client, spoken


def _concealing(write: Any) -> Any:
    """daphne's access log goes past `logging`."""

    def write_entry(self: Any, host: str, date: Any, request: str, *rest: Any, **more: Any) -> None:
        write(self, host, date, secrecy.conceal(request), *rest, **more)

    return write_entry
