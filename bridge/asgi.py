"""The chat in a project's ASGI application: one line in its `asgi.py`."""

from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter


def with_chat(pages: Any) -> ProtocolTypeRouter:
    """`application = with_chat(get_asgi_application())`: the project's pages, uploads and the chat socket.

    No session or auth middleware on the socket's way: the consumer checks origin and identity itself, and a
    visitor has no Django session to load.

    Raises valkey.ValkeyUnavailable where the embedded Valkey does not come up, ImproperlyConfigured where
    BRIDGE_THROTTLES is wrong.
    """
    # Only here, when Django is set up, which `get_asgi_application()` did: these import models.
    from bridge import redis, throttling
    from bridge.routing import websocket_urlpatterns
    from bridge.uploads import Uploads

    # Here, not in AppConfig.ready(): whoever asks for this serves the site; `migrate` and `check` need no Redis.
    # A mistake here would be every visitor's “internal”: servers do not run Django's checks.
    throttling.throttles()
    redis.start()
    return ProtocolTypeRouter({"http": Uploads(pages), "websocket": URLRouter(websocket_urlpatterns)})
