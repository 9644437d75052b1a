"""The Django project that `manage.py` runs: settings, addresses and the ASGI application."""
