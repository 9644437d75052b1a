"""The app's own settings, each with its default.

Code in `bridge` asks `bridge.conf.settings` for these, and Django's `settings` for Django's, so that the app runs in a
project that defines none of them. A test finds code that asks the wrong one.
"""

import resource
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar, get_args, overload

from django.conf import settings as project
from django.core.files.storage import FileSystemStorage, Storage, storages
from pydantic import AfterValidator, Field

from bridge.infra import valkey

T = TypeVar("T")

STORAGE = "chatbridge"
"""The alias in `STORAGES` for attachments, if a project defines it."""


class Setting(Generic[T]):
    """The project's setting of this name, read each time. If it is missing or "", what `default` returns."""

    def __init__(self, default: Callable[[], T], *, read: Callable[[Any], T] | None = None) -> None:
        self._default, self._read = default, read

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def value_type(self) -> Any:
        """T, with its bounds."""
        return get_args(self.__orig_class__)[0]  # type: ignore[attr-defined]

    @overload
    def __get__(self, instance: None, owner: type) -> "Setting[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object, owner: type) -> "Setting[T] | T":
        if instance is None:
            return self
        value: Any = getattr(project, self.name, None)
        if value is None or value == "":
            return self._default()
        return self._read(value) if self._read else value

    def __set__(self, instance: object, value: T) -> None:
        """For this process only, e.g. for a command's option."""
        setattr(project, self.name, value)


def _var_dir() -> Path:
    return Path(getattr(project, "BASE_DIR", Path.cwd())) / "var"


def _redis_url() -> str:
    return valkey.url(settings.VAR_DIR)


def _valkey_dir() -> Path | None:
    """None if the project names a server: then none is started."""
    return None if getattr(project, "REDIS_URL", "") else settings.VAR_DIR


MOST_SOCKETS = 10_000
"""In one process: a third of a gigabyte of memory."""


def _most_sockets() -> int:
    """As many as the process may open, minus those for database, Redis, files and requests."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_SOCKETS if files == resource.RLIM_INFINITY else min(MOST_SOCKETS, max(64, files * 3 // 4))


class Settings:
    """Names, types and defaults. `docs/embedding.md` says what each is for."""

    VAR_DIR = Setting[Path](_var_dir, read=Path)
    REDIS_URL = Setting[str](_redis_url)
    VALKEY_DIR = Setting[Path | None](_valkey_dir, read=Path)
    SITE_URL = Setting[str](str)
    TRUSTED_PROXIES = Setting[Annotated[int, Field(ge=0)]](int)

    DISCORD_TOKEN = Setting[str](str)
    DISCORD_CHANNEL_ID = Setting[int | str | None](lambda: None)
    DISCORD_API_URL = Setting[str](lambda: "https://discord.com/api/v10")
    DISCORD_GATEWAY_URL = Setting[str](str)
    DISCORD_CDN_URL = Setting[str](lambda: "https://cdn.discordapp.com")

    WEBHOOK_ALLOWED_NETWORKS = Setting[list[Annotated[str, AfterValidator(ip_network)]]](list)

    EMAIL_REPLY_DOMAIN = Setting[str](str)
    MAILGUN_SIGNING_KEY = Setting[str](str)
    POSTMARK_SECRET = Setting[str](str)

    BRIDGE_SERVICES = Setting[dict[str, str]](
        lambda: {"discord": "bridge.services.discord.service.DiscordService"}
    )
    BRIDGE_SOCKETS = Setting[Annotated[int, Field(ge=1)]](_most_sockets)
    BRIDGE_SOCKETS_PER_ADDRESS = Setting[Annotated[int, Field(ge=1)]](lambda: 200)
    BRIDGE_DISK_RESERVE = Setting[Annotated[int, Field(ge=0)]](lambda: 1024)
    BRIDGE_THROTTLES = Setting[dict[Any, Any]](dict)


settings = Settings()


def file_storage() -> Storage:
    """The storage of attachments: the project's with that alias, or a folder that nothing else serves.

    Never the project's default storage: files in MEDIA_ROOT are often served to everyone.
    """
    if STORAGE in project.STORAGES:
        return storages[STORAGE]
    return FileSystemStorage(settings.VAR_DIR / "files", file_permissions_mode=0o640)
