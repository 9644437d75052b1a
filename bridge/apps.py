"""The app's configuration: what Django does with it at start."""

import django_stubs_ext
from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

# Allows annotations such as ModelAdmin[Message] at run time. Django imports this before the modules with these.
django_stubs_ext.monkeypatch()


class BridgeConfig(AppConfig):
    name = "bridge"
    verbose_name = "ChatBridge"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_out

        from bridge import checks, commands  # noqa: F401  (registers them)
        from bridge.identity.providers import end_login

        user_logged_out.connect(end_login, dispatch_uid="bridge.end_login")
        # After our own commands. A wrong declaration ends the start: the error says where it is and what to write.
        autodiscover_modules("bridge_commands")
