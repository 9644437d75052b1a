"""The site under uvicorn, in a thread of this process: for clients that want an address."""

import asyncio
import socket
import threading

import uvicorn

from bridge.live.worker import Worker


class Server:
    """Its database is that of the test."""

    def __init__(self) -> None:
        from chatbridge_site.asgi import application

        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_level="warning"))
        self._thread = threading.Thread(target=asyncio.run, args=[self._serve()], daemon=True)

    async def _serve(self) -> None:
        await self._server.serve(sockets=[self._socket])
        await Worker.current().stop()

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()
