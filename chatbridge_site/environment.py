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
    """The environment, checked once at start. A variable that is set wins over the same one in `.env`."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    debug: bool = Field(
        False, description="Development mode: error pages, made-up key, no HTTPS. Never on a public server"
    )
    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs sessions and visitor tokens. Needed unless `DEBUG=1`"
    )
    secret_key_fallbacks: Secrets = Field(
        [], description="Keys that it was before, with commas between: what they signed still counts"
    )
    allowed_hosts: Words = Field([], description="Host names that this site answers to, with commas between")
    csrf_trusted_origins: Words = Field(
        [], description="Origins that may post forms besides the site's own: `https://…`"
    )
    https: bool | None = Field(
        None, description="Redirect to HTTPS, secure cookies, HSTS. Default: on, except with `DEBUG=1`"
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        description="How many proxies of yours stand in front; their `X-Forwarded-*` headers are believed",
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="`postgres://user:password@host/name`. Default: SQLite, `db.sqlite3` in `VAR_DIR`",
    )
    database_pooler: bool = Field(
        False,
        description="`DATABASE_URL` is that of PgBouncer or a hosted pooler, with a connection a transaction",
    )
    redis_url: SecretStr = Field(
        SecretStr(""), description="`redis://…`, `rediss://…` or `unix://…`. Default: the embedded Valkey"
    )
    discord_token: SecretStr = Field(
        SecretStr(""), description="The bot's token, from the Discord developer portal"
    )
    discord_channel_id: int | None = Field(
        None,
        description="The text or forum channel in which conversations of the default inbox become threads",
    )
    discord_api_url: str = Field(
        "https://discord.com/api/v10", description="Discord's HTTP API, or a server that speaks it"
    )
    discord_gateway_url: str = Field(
        "", description="Discord's gateway (`wss://…`). Default: what the HTTP API names"
    )
    files_backend: str = Field(
        "django.core.files.storage.FileSystemStorage",
        description="A Django storage for attachments, e.g. `storages.backends.s3.S3Storage`",
    )
    files_options: dict[str, Any] = Field({}, description="What that storage is told, as JSON", repr=False)
    discord_cdn_url: str = Field(
        "https://cdn.discordapp.com",
        description="Where the pictures of Discord servers' own emoji are fetched",
    )
    webhook_allowed_networks: Words = Field(
        [],
        description="Networks of your own that webhooks may be sent to, e.g. `10.1.0.0/16`, with commas between",
    )
    site_url: str = Field(
        "",
        description="Where this site is reached, e.g. `https://chat.example.com`: for links from Discord. "
        "A path in it is that of the whole site",
    )
    email_url: SecretStr = Field(
        SecretStr("smtp://localhost:25"),
        description="The mail server: `smtp+tls://user:password@host:587`, `smtps://…`, or `smtp://…` in clear",
    )
    email_from: str = Field(
        "chat@localhost", description="Whom mails are from, where an inbox has no address of its own"
    )
    email_reply_domain: str = Field(
        "",
        description="The domain whose mail a provider brings to `/services/email/`. Empty: nobody can answer by mail",
    )
    mailgun_signing_key: SecretStr = Field(
        SecretStr(""), description="Mailgun's “HTTP webhook signing key”, where Mailgun brings it"
    )
    postmark_secret: SecretStr = Field(
        SecretStr(""),
        description="The password in the webhook address that Postmark was given, where Postmark brings it",
    )
    max_sockets: int | None = Field(
        None,
        ge=1,
        description="Sockets that one process takes. Default: 10,000, or three quarters of the files that it may open",
    )
    disk_reserve: int = Field(
        1024,
        ge=0,
        description="Megabytes that uploads leave free on their disk and that of temporary files",
    )
    log_level: str = Field("INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`")
    var_dir: Path = Field(
        BASE_DIR / "var",
        description="Where what is made at run time is kept. Default: `var/` beside `manage.py`",
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
            raise ValueError(f"it is too short: {SHORTEST_KEY} characters at least, 50 random ones are usual")
        return value

    @field_validator("webhook_allowed_networks")
    @classmethod
    def is_networks(cls, value: list[str]) -> list[str]:
        try:
            [ip_network(each) for each in value]
        except ValueError:
            raise ValueError("networks look like 10.1.0.0/16 or fd12::/64") from None
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
            raise ValueError("it must begin with smtp://, smtps:// or smtp+tls://, with a host after it")
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
    """The environment and `.env` (or the file that ENV_FILE names), or the end with a sentence a mistake."""
    file = os.environ.get("ENV_FILE", str(BASE_DIR / ".env"))
    try:
        return Environment(_env_file=file or None, **_from_files(dotenv_values(file) if file else {}))
    except ValidationError as error:
        # The message without the value: it may be a secret.
        mistakes = (f"{str(each['loc'][0]).upper()} is wrong: {each['msg']}." for each in error.errors())
        raise SystemExit("\n".join(mistakes)) from None


def secret_names() -> list[str]:
    """The fields that are secret, or may have a secret in them."""
    fields = Environment.model_fields.items()
    secret = (SecretStr, list[SecretStr])
    return [name for name, field in fields if field.annotation in secret or not field.repr]


def _from_files(dotenv: Mapping[str, str | None]) -> dict[str, Any]:
    """What NAME_FILE says of each of them where NAME itself is not set: the content of that file."""
    found: dict[str, Any] = {}
    for name in map(str.upper, secret_names()):
        for given in (os.environ, dotenv):
            path, direct = given.get(f"{name}_FILE"), given.get(name)
            if path and direct:
                raise SystemExit(f"{name} and {name}_FILE are both set: take one of them away.")
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
        raise SystemExit(f"{variable} is wrong: {path} is no text in UTF-8.") from None
    if not text.strip():
        raise SystemExit(f"{variable} is wrong: {path} is empty.")
    return text


def mail_server(url: str) -> dict[str, Any]:
    """The same as Django's backend for SMTP takes it. Seconds for each step: its own default is for ever."""
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
    """The key that was set or, with DEBUG=1, one that is made once and kept."""
    if environment.secret_key:
        return environment.secret_key.get_secret_value()
    if not environment.debug:
        raise SystemExit(
            "SECRET_KEY is not set: put SECRET_KEY=<50 random characters> into the environment or .env, "
            "or set DEBUG=1 while developing."
        )
    return _kept_key(environment.var_dir / "secret_key")


def _kept_key(path: Path) -> str:
    """Web and bot may start together on a fresh clone: the first to link its key wins, both read that one."""
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
    """Make a folder that only its owner may look into. One that is there stays as it is: a check says what it lacks."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
