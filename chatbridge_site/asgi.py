"""The ASGI application: pages through Django, the chat socket straight to its consumer.

No session or auth middleware on the socket's way: the consumer checks origin and identity itself, and a
visitor has no Django session to load.
"""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbridge_site.settings")
pages = get_asgi_application()

# Only after Django is set up: these import models.
from bridge import redis  # noqa: E402
from bridge.routing import websocket_urlpatterns  # noqa: E402
from bridge.uploads import Uploads  # noqa: E402

# Here, not in AppConfig.ready(): whoever imports this serves the site; `migrate` and `check` need no Redis.
redis.start()

application = ProtocolTypeRouter({"http": Uploads(pages), "websocket": URLRouter(websocket_urlpatterns)})
