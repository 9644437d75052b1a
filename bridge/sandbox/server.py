"""Put the doors together and serve them on loopback."""

import ipaddress
import socket
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from . import defaults
from .control import Control
from .door import PREFIX, Door
from .launching import Claim, StateInUse
from .sandbox import Sandbox

_MOST_BYTES = 26 * 1024 * 1024  # Discord takes 25 MiB in a request
_EMOJI = Path(__file__).parent / "emoji"
_LOOPBACK_NAMES = ("localhost",)


def is_loopback(host: str) -> bool:
    if host in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@web.middleware
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a name that somebody else pointed at this machine (DNS rebinding)."""
    if not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
        raise web.HTTPForbidden(text="The sandbox only answers on loopback.")
    return await handler(request)


async def emoji_picture(request: web.Request) -> web.Response:
    """As Discord's image server: the server's own emoji, those that move as GIF."""
    name, moves = defaults.EMOJI.get(int(request.match_info["emoji"]), ("", False))
    kind = "gif" if moves else "webp"
    if not name or request.match_info["kind"] != kind:
        raise web.HTTPNotFound
    return web.Response(body=(_EMOJI / f"{name}.{kind}").read_bytes(), content_type=f"image/{kind}")


def application(sandbox: Sandbox) -> web.Application:
    app = web.Application(client_max_size=_MOST_BYTES, middlewares=[loopback_only])
    app.router.add_route("*", PREFIX + "/{path:.*}", Door(sandbox).handle)
    app.router.add_get("/gateway", sandbox.gateway.connect)
    app.router.add_get("/gateway/", sandbox.gateway.connect)
    app.router.add_get(r"/attachments/{channel:\d+}/{attachment:\d+}/{name}", sandbox.world.files.serve)
    app.router.add_get(r"/emojis/{emoji:\d+}.{kind:webp|gif}", emoji_picture)
    app.router.add_routes(sandbox.page.routes())
    app.router.add_routes(Control(sandbox).routes())
    return app


class Server:
    """A sandbox that listens. `url` is its page, and the base of everything else."""

    def __init__(self, *, host: str, port: int, state: Path | None = None) -> None:
        self._host, self._port, self._state = host, port, state
        self._claim: Claim | None = None
        self.url = ""

    async def start(self) -> None:
        """Raises StateInUse where another sandbox has this state, OSError where the port is taken."""
        listener = socket.create_server((self._host, self._port), reuse_port=False)
        try:
            self._claim = Claim(self._state) if self._state else None
        except StateInUse:
            listener.close()
            raise
        port = listener.getsockname()[1]
        self.url = f"http://{self._host}:{port}"
        self.sandbox = Sandbox(base_url=self.url, state=self._state)
        self._runner = web.AppRunner(application(self.sandbox), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
        if self._claim:
            self._claim.publish(port)

    async def stop(self) -> None:
        self.sandbox.gateway.drop(resumable=True, code=1001)
        self.sandbox.page.close()
        await self._runner.cleanup()
        self.sandbox.journal.close()
        if self._claim:
            self._claim.release()
