"""What Django does with this app at start."""

from django.apps import AppConfig


class BridgeConfig(AppConfig):
    name = "bridge"
    verbose_name = "ChatBridge"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from bridge import checks, commands, room_commands  # noqa: F401  (registers them)
