"""The ASGI application: pages through Django, the chat socket straight to its consumer."""

import gc
import os

from django.core.asgi import get_asgi_application

from bridge.asgi import with_chat
from chatbridge_site import servers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbridge_site.settings")
application = with_chat(get_asgi_application())
servers.tame()

# What was loaded stays: without this the collector walks through all of it, some 80 ms, while everybody waits. And a
# batch of messages makes and drops thousands of objects: by its own measure it would look after each 700.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 20, 20)
