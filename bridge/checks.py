"""Mistakes in the settings, found by `manage.py check`. Each has a stable ID and a hint that says what to type."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings as project
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseProblem
from django.utils.module_loading import import_string
from pydantic import TypeAdapter, ValidationError

from bridge.conf import Setting, Settings, settings
from bridge.infra import limits
from bridge.services.base import Service

TOKEN = re.compile(r"[\w-]{18,}\.[\w-]{6,}\.[\w-]{27,}")
LOCAL = {"localhost", "127.0.0.1", "[::1]", "testserver"}


@register(Tags.security)
def check_debug(**_: Any) -> Iterator[CheckMessage]:
    public = sorted(host for host in project.ALLOWED_HOSTS if host not in LOCAL)
    if project.DEBUG and public:
        yield Warning(
            f"DEBUG is on for {', '.join(public)}: its error pages show settings and messages to everyone.",
            hint="Remove DEBUG=1 from the environment or .env.",
            id="bridge.W001",
        )


@register("settings")
def check_types(**_: Any) -> Iterator[CheckMessage]:
    """Each of our settings has the type that its readers expect."""
    for name, setting in vars(Settings).items():
        if not isinstance(setting, Setting) or getattr(project, name, None) in (None, ""):
            continue
        try:
            TypeAdapter(setting.value_type).validate_python(getattr(settings, name), strict=True)
        except ValidationError as error:
            # Without the value: it may be a secret.
            reason = error.errors(include_input=False)[0]["msg"]
        except (TypeError, ValueError) as error:
            reason = type(error).__name__
        else:
            continue
        yield Error(f"{name} is wrong: {reason}.", hint="docs/settings.md describes it.", id="bridge.E008")


@register("settings")
def check_throttles(**_: Any) -> Iterator[CheckMessage]:
    try:
        limits.throttles()
    except ImproperlyConfigured as error:
        yield Error(
            str(error),
            hint='BRIDGE_THROTTLES = {"message": "60/minute"}, or '
            '{"message": Throttle(visitor=Limit(20, 30), address=Limit(200, 60))} of bridge.infra.limits',
            id="bridge.E009",
        )


@register("discord")
def check_discord(**_: Any) -> Iterator[CheckMessage]:
    token, channel = settings.DISCORD_TOKEN, settings.DISCORD_CHANNEL_ID
    if token and not TOKEN.fullmatch(token):
        yield Error(
            "DISCORD_TOKEN is not a bot token: it should have three parts separated by dots.",
            hint="Discord developer portal, your application, Bot, Reset Token; then DISCORD_TOKEN=<the token>. Do "
            "not use the application's public key or client secret.",
            id="bridge.E001",
        )
    if channel is not None and not 17 <= len(str(channel)) <= 20:
        yield Error(
            "DISCORD_CHANNEL_ID is not a Discord ID: those have 17 to 20 digits.",
            hint="In Discord: Settings, Advanced, Developer Mode; then right-click the channel, Copy ID.",
            id="bridge.E002",
        )
    if token and channel is None:
        yield Warning(
            "DISCORD_TOKEN is set, but DISCORD_CHANNEL_ID is not: the default inbox has no channel unless you set "
            "one in the admin.",
            hint="DISCORD_CHANNEL_ID=<ID of a text or forum channel>",
            id="bridge.W002",
        )


@register(Tags.database)
def check_inboxes(databases: Sequence[str] | None = None, **_: Any) -> Iterator[CheckMessage]:
    """What the bot found when it last checked. Only `check --database default` asks the database."""
    if "default" not in (databases or ()):
        return
    # Not above: this module is imported before the models.
    from bridge.models import Inbox

    try:
        inboxes = list(Inbox.objects.filter(enabled=True).order_by("pk"))
    except DatabaseProblem:
        # Before the first migration there is no table.
        return
    for inbox in inboxes:
        if inbox.discord_trouble:
            text = f"The inbox “{inbox}” is on hold: messages of its visitors wait, and nothing is lost."
            yield Warning(text, hint=inbox.discord_trouble, id="bridge.W007")
        if inbox.discord_hint:
            text = f"The bot has a warning about the inbox “{inbox}”."
            yield Warning(text, hint=inbox.discord_hint, id="bridge.W008")


@register("services")
def check_services(**_: Any) -> Iterator[CheckMessage]:
    for name, path in settings.BRIDGE_SERVICES.items():
        try:
            service = import_string(path)
        except ImportError as error:
            yield Error(
                f"The service {name} cannot be imported: {error}.",
                hint=f'BRIDGE_SERVICES = {{"{name}": "<module>.<class>"}}',
                id="bridge.E003",
            )
            continue
        if not (isinstance(service, type) and issubclass(service, Service)):
            yield Error(
                f"{path} is not a service.",
                hint="It must be a subclass of bridge.services.base.Service.",
                id="bridge.E004",
            )


@register("email")
def check_email(**_: Any) -> Iterator[CheckMessage]:
    if settings.EMAIL_REPLY_DOMAIN and not (settings.MAILGUN_SIGNING_KEY or settings.POSTMARK_SECRET):
        yield Error(
            "E-mails ask for replies, but no provider can deliver them: only EMAIL_REPLY_DOMAIN is set.",
            hint="MAILGUN_SIGNING_KEY=<the HTTP webhook signing key>, or POSTMARK_SECRET=<the password in its address>",
            id="bridge.E007",
        )
    if settings.EMAIL_REPLY_DOMAIN and not settings.SITE_URL:
        yield Warning(
            "E-mails have no link to unsubscribe, because the address of this site is not set.",
            hint="SITE_URL=https://<the address of this site>",
            id="bridge.W004",
        )


@register("channels")
def check_channel_layer(**_: Any) -> Iterator[CheckMessage]:
    # A setting of Channels: a project may have none.
    layers: dict[str, Any] = getattr(project, "CHANNEL_LAYERS", {})
    try:
        backend = import_string(layers.get("default", {}).get("BACKEND", ""))
    except ImportError:
        backend = None
    if not (isinstance(backend, type) and issubclass(backend, RedisPubSubChannelLayer)):
        yield Error(
            "The channel layer does not connect bot and web, or drops messages of a busy chat.",
            hint='CHANNEL_LAYERS = {"default": {"BACKEND": "bridge.infra.layer.ChannelLayer"}}',
            id="bridge.E005",
        )


@register("sqlite")  # not Tags.database: those run only where a database is named
def check_sqlite(**_: Any) -> Iterator[CheckMessage]:
    default = project.DATABASES["default"]
    if not default["ENGINE"].endswith("sqlite3"):
        return
    options = default.get("OPTIONS", {})
    if options.get("transaction_mode") != "IMMEDIATE":
        yield Error(
            "With this SQLite engine, two visitors who write at the same time get “database is locked”.",
            hint='DATABASES["default"]["ENGINE"] = "bridge.infra.sqlite"',
            id="bridge.E006",
        )
    pragmas = options.get("init_command", "").replace(" ", "").lower()
    if "journal_mode=wal" not in pragmas or "synchronous=full" not in pragmas:
        yield Warning(
            "With this SQLite engine, a power cut can lose acknowledged messages, and readers wait for writers.",
            hint='DATABASES["default"]["ENGINE"] = "bridge.infra.sqlite"',
            id="bridge.W003",
        )


@register(Tags.security)
def check_private(**_: Any) -> Iterator[CheckMessage]:
    """Only what exists: a project may share a folder with others on purpose."""
    try:
        home = settings.VAR_DIR
    except TypeError:
        return  # reported by check_types
    secrets = [home / "secret_key", home / "admin_password", home / "sandbox.json"]
    # A database of one page has no table.
    databases = (path for path in _databases() if path.is_file() and path.stat().st_size > 4096)
    files = [*filter(Path.is_file, secrets), *databases]
    folders = [home, home / "files"] if files or (home / "files").is_dir() else []
    # Nobody else can reach what is in a private folder.
    open_to_others = [
        path
        for path in (*files, *folders)
        if _mode(path) & 0o077 and (path == home or _mode(path.parent) & 0o077)
    ]
    if open_to_others:
        names = " ".join(map(str, open_to_others))
        yield Warning(
            f"Other users of this machine can read these files: {names}",
            hint=f"chmod go= {names}",
            id="bridge.W006",
        )


def _databases() -> Iterator[Path]:
    """Files of SQLite, with those that it puts beside them."""
    for database in project.DATABASES.values():
        name = str(database.get("NAME") or "")
        if "sqlite" in database["ENGINE"] and name and ":" not in name:
            yield from (Path(name + end) for end in ("", "-wal", "-shm", "-journal"))


def _mode(path: Path) -> int:
    return path.stat().st_mode if path.exists() else 0
