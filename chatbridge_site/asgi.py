"""The ASGI application: pages through Django, the chat socket straight to its consumer."""

import gc
import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from bridge.asgi import with_chat
from chatbridge_site import servers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbridge_site.settings")
pages = get_asgi_application()
# No page of this site but the chat's own takes a file.
application = with_chat(pages, largest_body=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
servers.tame()

# What was loaded stays: without this the collector walks through all of it, some 80 ms, while everybody waits. And a
# batch of messages makes and drops thousands of objects: by its own measure it would look after each 700. But what a
# socket leaves behind that was cut refers to itself, 12 KiB of it: the oldest are looked through after about 2,000.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 10, 2)
