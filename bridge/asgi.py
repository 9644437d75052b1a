"""The chat in a project's ASGI application: one line in its `asgi.py`."""

import sys
from collections.abc import Iterable
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter


def with_chat(pages: Any, *, sockets: Iterable[Any] = (), largest_body: int | None = None) -> Any:
    """`application = with_chat(get_asgi_application())`: the project's pages, uploads and the chat socket.

    `sockets`: routes of the project's own sockets, as for Channels' URLRouter.

    What is sent to the chat's own addresses is limited in size and time. `largest_body`: bytes that may be sent to any
    other; without it nothing is changed there, for the project may have uploads of its own.

    No session or auth middleware on the socket's way: the consumer checks origin and identity itself, and a
    visitor has no Django session to load.

    Raises valkey.ValkeyUnavailable where the embedded Valkey does not come up, ImproperlyConfigured where
    BRIDGE_THROTTLES is wrong.
    """
    # Only here, when Django is set up, which `get_asgi_application()` did: these import models.
    from bridge.infra import limits, memory, redis
    from bridge.live.routing import websocket_urlpatterns
    from bridge.web.guard import Guard
    from bridge.web.mounting import Mounted
    from bridge.web.uploads import Uploads

    # Here, not in AppConfig.ready(): whoever asks for this serves the site; `migrate` and `check` need no Redis.
    # A mistake here would be every visitor's “internal”: servers do not run Django's checks.
    limits.throttles()
    redis.start()
    memory.keep_little()
    if "daphne.server" in sys.modules:
        # This process is one. Nobody else needs Twisted.
        from bridge.web import daphne_limits

        daphne_limits.hold(elsewhere=largest_body)
    guard = Guard(Uploads(pages), elsewhere=largest_body)
    return Mounted(
        ProtocolTypeRouter({"http": guard, "websocket": URLRouter([*websocket_urlpatterns, *sockets])})
    )
