"""The ASGI application: pages through Django, the chat socket straight to its consumer."""

import os

from django.core.asgi import get_asgi_application

from bridge.asgi import with_chat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbridge_site.settings")
application = with_chat(get_asgi_application())
