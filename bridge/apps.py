"""What Django does with this app at start."""

import django_stubs_ext
from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

# Lets annotations such as ModelAdmin[Message] exist at run time. Django comes here before it loads what has them.
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
        # Ours first. What does not fit ends the start, with its function and the mend.
        autodiscover_modules("bridge_commands")
