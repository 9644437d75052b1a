"""What can be set from outside: each environment variable with its type, its default and what it is for.

`docs/settings.md` holds the same table; a test compares the two.
"""

import json
import os
import re
import secrets
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from pydantic import Field, HttpUrl, SecretStr, TypeAdapter, ValidationError, WebsocketUrl, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent

Words = Annotated[list[str], NoDecode]
Secrets = Annotated[list[SecretStr], NoDecode]

SHORTEST_KEY = 32
"""Characters of SECRET_KEY: with fewer it can be guessed, and with it each visitor's token."""


class Environment(BaseSettings):
    """The environment, checked once at start. A variable of the environment overrides the same one in `.env`."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    debug: bool = Field(
        False,
        description="Development mode: error pages, a generated key, no HTTPS. Never on a public server",
    )
    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs sessions and visitor tokens. Required unless `DEBUG=1`"
    )
    secret_key_fallbacks: Secrets = Field(
        [], description="Previous keys, separated by commas: what they signed is still valid"
    )
    allowed_hosts: Words = Field([], description="Host names that this site serves, separated by commas")
    csrf_trusted_origins: Words = Field(
        [],
        description="Other origins that may post forms, e.g. `https://www.example.com`, separated by commas",
    )
    https: bool | None = Field(
        None, description="Redirect to HTTPS, secure cookies, HSTS. Default: on, except with `DEBUG=1`"
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        description="Number of your own proxies in front, whose `X-Forwarded-*` headers are trusted",
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="`postgres://user:password@host/name`. Default: SQLite, `db.sqlite3` in `VAR_DIR`",
    )
    database_pooler: bool = Field(
        False,
        description="Set to `1` if `DATABASE_URL` is that of PgBouncer or a hosted pooler in transaction mode",
    )
    redis_url: SecretStr = Field(
        SecretStr(""), description="`redis://…`, `rediss://…` or `unix://…`. Default: the embedded Valkey"
    )
    discord_token: SecretStr = Field(
        SecretStr(""), description="The bot's token, from the Discord developer portal"
    )
    discord_channel_id: int | None = Field(
        None,
        description="The text or forum channel in which the conversations of the default inbox get their threads",
    )
    discord_api_url: str = Field(
        "https://discord.com/api/v10", description="Discord's HTTP API, or a compatible server"
    )
    discord_gateway_url: str = Field(
        "", description="Discord's gateway (`wss://…`). Default: the one that the HTTP API returns"
    )
    files_backend: str = Field(
        "django.core.files.storage.FileSystemStorage",
        description="A Django storage for attachments, e.g. `storages.backends.s3.S3Storage`",
    )
    files_options: dict[str, Any] = Field({}, description="Options of that storage, as JSON", repr=False)
    discord_cdn_url: str = Field(
        "https://cdn.discordapp.com",
        description="The server from which pictures of custom emoji are fetched",
    )
    webhook_allowed_networks: Words = Field(
        [],
        description="Private networks to which webhooks may be sent, e.g. `10.1.0.0/16`, separated by commas",
    )
    site_url: str = Field(
        "",
        description="The address of this site, e.g. `https://chat.example.com`, for links in Discord. "
        "If it has a path, the whole site is below it",
    )
    email_url: SecretStr = Field(
        SecretStr("smtp://localhost:25"),
        description="The mail server: `smtp+tls://user:password@host:587`, `smtps://…`, or unencrypted `smtp://…`",
    )
    email_from: str = Field(
        "chat@localhost", description="The sender of e-mails, for inboxes without an address of their own"
    )
    email_reply_domain: str = Field(
        "",
        description="The domain whose e-mail a provider posts to `/services/email/`. If empty, visitors cannot answer",
    )
    mailgun_signing_key: SecretStr = Field(
        SecretStr(""), description="Mailgun's “HTTP webhook signing key”, if Mailgun is the provider"
    )
    postmark_secret: SecretStr = Field(
        SecretStr(""),
        description="The password in the webhook address that you gave to Postmark, if Postmark is the provider",
    )
    max_sockets: int | None = Field(
        None,
        ge=1,
        description="Sockets that a process accepts. Default: 10,000, or three quarters of the files that it may open",
    )
    disk_reserve: int = Field(
        1024,
        ge=0,
        description="Megabytes that uploads leave free on their disk and on that of temporary files",
    )
    log_level: str = Field("INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`")
    var_dir: Path = Field(
        BASE_DIR / "var",
        description="The folder for everything created at run time. Default: `var/` next to `manage.py`",
    )

    @field_validator(
        "allowed_hosts",
        "csrf_trusted_origins",
        "webhook_allowed_networks",
        "secret_key_fallbacks",
        mode="before",
    )
    @classmethod
    def split(cls, value: object) -> object:
        return (
            [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value
        )

    @field_validator("files_options", mode="before")
    @classmethod
    def from_json(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("secret_key")
    @classmethod
    def is_long(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value) < SHORTEST_KEY:
            raise ValueError(
                f"it is too short: use at least {SHORTEST_KEY} characters, preferably 50 random ones"
            )
        return value

    @field_validator("webhook_allowed_networks")
    @classmethod
    def is_networks(cls, value: list[str]) -> list[str]:
        try:
            [ip_network(each) for each in value]
        except ValueError:
            raise ValueError("write networks as 10.1.0.0/16 or fd12::/64") from None
        return value

    @field_validator("database_url")
    @classmethod
    def is_database(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().partition(":")[0] not in {"", "postgres", "postgresql", "sqlite"}:
            raise ValueError("it must begin with postgres:// or sqlite:///")
        return value

    @field_validator("redis_url")
    @classmethod
    def is_redis(cls, value: SecretStr) -> SecretStr:
        if value and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("it must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("discord_api_url", "discord_cdn_url", "site_url")
    @classmethod
    def is_http(cls, value: str) -> str:
        if value:
            TypeAdapter(HttpUrl).validate_python(value)
        return value.rstrip("/")

    @field_validator("email_url")
    @classmethod
    def is_mail_server(cls, value: SecretStr) -> SecretStr:
        address = value.get_secret_value()
        if not re.fullmatch(r"smtp(s|\+tls)?://([^/?#@]+@)?[^/?#@:]+(:\d+)?/?", address):
            raise ValueError("it must begin with smtp://, smtps:// or smtp+tls://, followed by a host")
        return value

    @field_validator("discord_gateway_url")
    @classmethod
    def is_websocket(cls, value: str) -> str:
        if value:
            TypeAdapter(WebsocketUrl).validate_python(value)
        return value

    @field_validator("log_level")
    @classmethod
    def is_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("it must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("var_dir")
    @classmethod
    def is_absolute(cls, value: Path) -> Path:
        return (BASE_DIR / value.expanduser()).resolve()


def read() -> Environment:
    """Reads the environment and `.env` (or the file in ENV_FILE). Exits with one sentence for each mistake."""
    file = os.environ.get("ENV_FILE", str(BASE_DIR / ".env"))
    try:
        return Environment(_env_file=file or None, **_from_files(dotenv_values(file) if file else {}))
    except ValidationError as error:
        # The message without the value: it may be a secret.
        mistakes = (f"{str(each['loc'][0]).upper()} is wrong: {each['msg']}." for each in error.errors())
        raise SystemExit("\n".join(mistakes)) from None


def secret_names() -> list[str]:
    """The fields that are secret or may contain a secret."""
    fields = Environment.model_fields.items()
    secret = (SecretStr, list[SecretStr])
    return [name for name, field in fields if field.annotation in secret or not field.repr]


def _from_files(dotenv: Mapping[str, str | None]) -> dict[str, Any]:
    """Secrets from files: for each NAME that is not set, the content of the file in NAME_FILE."""
    found: dict[str, Any] = {}
    for name in map(str.upper, secret_names()):
        for given in (os.environ, dotenv):
            path, direct = given.get(f"{name}_FILE"), given.get(name)
            if path and direct:
                raise SystemExit(f"{name} and {name}_FILE are both set: remove one of them.")
            if path:
                found[name.lower()] = _content(path, variable=f"{name}_FILE")
            if path or direct:
                break
    return found


def _content(path: str, *, variable: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8-sig").rstrip("\r\n")
    except OSError as error:
        raise SystemExit(f"{variable} is wrong: {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SystemExit(f"{variable} is wrong: {path} is not UTF-8 text.") from None
    if not text.strip():
        raise SystemExit(f"{variable} is wrong: {path} is empty.")
    return text


def mail_server(url: str) -> dict[str, Any]:
    """The options for Django's SMTP backend. The timeout is in seconds for each step; by default there is none."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port or {"smtp": 25, "smtp+tls": 587, "smtps": 465}[parts.scheme],
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_tls": parts.scheme == "smtp+tls",
        "use_ssl": parts.scheme == "smtps",
        "timeout": 10,
    }


def secret_key(environment: Environment) -> str:
    """The key that was set or, with DEBUG=1, one that is generated once and stored."""
    if environment.secret_key:
        return environment.secret_key.get_secret_value()
    if not environment.debug:
        raise SystemExit(
            "SECRET_KEY is not set: put SECRET_KEY=<50 random characters> into the environment or .env, "
            "or set DEBUG=1 for development."
        )
    return _kept_key(environment.var_dir / "secret_key")


def _kept_key(path: Path) -> str:
    """Web and bot may start at the same time: the first to link its key wins, and both read that one."""
    if not path.exists():
        make_private(path.parent)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def make_private(folder: Path) -> None:
    """Create a folder that only its owner can read. An existing folder stays as it is: a check warns about it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
