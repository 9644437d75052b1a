"""Adds the chat to a project's ASGI application, with one line in its `asgi.py`."""

import sys
from collections.abc import Iterable
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter


def with_chat(pages: Any, *, sockets: Iterable[Any] = (), largest_body: int | None = None) -> Any:
    """`application = with_chat(get_asgi_application())`: the project's pages, uploads and the chat socket.

    `sockets`: routes of the project's own sockets, as for Channels' URLRouter.

    Requests to the chat's own addresses are limited in size and time. `largest_body`: the most bytes for all other
    addresses. Without it, these are not limited, because the project may have its own uploads.

    The socket needs no session or auth middleware: the consumer checks origin and identity itself, and visitors have
    no Django session.

    Raises valkey.ValkeyUnavailable if the embedded Valkey does not start, and ImproperlyConfigured if BRIDGE_THROTTLES
    is wrong.
    """
    # Imported here because these import models, and `get_asgi_application()` has set up Django by now.
    from bridge.infra import limits, memory, redis
    from bridge.live.routing import websocket_urlpatterns
    from bridge.web.guard import Guard
    from bridge.web.mounting import Mounted
    from bridge.web.uploads import Uploads

    # Not in AppConfig.ready(), because only a server needs Redis; `migrate` and `check` do not.
    # Servers do not run Django's checks, and with wrong throttles every visitor would get “internal”.
    limits.throttles()
    redis.start()
    memory.keep_little()
    if "daphne.server" in sys.modules:
        # This process is daphne. Other servers do not need Twisted.
        from bridge.web import daphne_limits

        daphne_limits.hold(elsewhere=largest_body)
    guard = Guard(Uploads(pages), elsewhere=largest_body)
    return Mounted(
        ProtocolTypeRouter({"http": guard, "websocket": URLRouter([*websocket_urlpatterns, *sockets])})
    )
