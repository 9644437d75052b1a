"""Django's settings. What can be set from outside is declared in `environment.py`; the rest is fixed here."""

import logging
import sys
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
import django
from pydantic import SecretStr

from bridge.infra import redis, valkey
from chatbridge_site import environment, secrecy

BASE_DIR = environment.BASE_DIR
# In lower case: it is no setting, and on no error page.
_environment = environment.read()
VAR_DIR = _environment.var_dir

DEBUG = _environment.debug
SITE_URL = _environment.site_url
# Its path, where the site has its host not for itself alone.
FORCE_SCRIPT_NAME = urlsplit(SITE_URL).path or None
SECRET_KEY = environment.secret_key(_environment)
SECRET_KEY_FALLBACKS = [each.get_secret_value() for each in _environment.secret_key_fallbacks]
secrecy.know([SecretStr(SECRET_KEY), *(getattr(_environment, name) for name in environment.secret_names())])
ALLOWED_HOSTS = _environment.allowed_hosts or (["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = _environment.csrf_trusted_origins
if SITE_URL:
    # Also where a proxy in front passes on another Host than browsers ask for.
    CSRF_TRUSTED_ORIGINS = [*CSRF_TRUSTED_ORIGINS, "{0.scheme}://{0.netloc}".format(urlsplit(SITE_URL))]
TRUSTED_PROXIES = _environment.trusted_proxies

# It takes the place of Django's own runserver. In any other process its Twisted would only be loaded: 16 MB, and a
# sixth of the time until a bot runs.
RUNSERVER = ["daphne"] if "runserver" in sys.argv[1:] else []

INSTALLED_APPS = [
    *RUNSERVER,  # first, so that its command is found
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "axes",
    "bridge",
]

MIDDLEWARE = [
    "chatbridge_site.middleware.content_security_policy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "bridge.web.away.DatabaseAwayMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it answers whoever tried too often
]

ROOT_URLCONF = "chatbridge_site.urls"
ASGI_APPLICATION = "chatbridge_site.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def database(url: str, *, var_dir: Path, pooler: bool = False) -> dict[str, Any]:
    """SQLite or PostgreSQL, each told to wait 5 s for a lock and no longer.

    `pooler`: between us and PostgreSQL is one that gives each transaction whichever connection is free.
    """
    sqlite = "django.db.backends.sqlite3"
    made: dict[str, Any] = {"ENGINE": sqlite, "NAME": var_dir / "db.sqlite3"}
    if url:
        made = dict(dj_database_url.parse(url))
    if made["ENGINE"] == sqlite:
        made["ENGINE"] = "bridge.infra.sqlite"
    else:
        options: dict[str, Any] = made.setdefault("OPTIONS", {})
        # A pool, since persistent connections belong to a thread and ASGI makes one for each request.
        # It tries to connect for a second, then again for whoever asks next: by itself it waits twice as long each
        # time, and after an outage of minutes pages went on failing for as long again.
        options["pool"] = {"min_size": 1, "max_size": 10, "timeout": 5, "reconnect_timeout": 1}
        # Each is looked at when it is taken: after a restart of PostgreSQL none of them works.
        made["CONN_HEALTH_CHECKS"] = True
        options.setdefault("connect_timeout", 5)
        if pooler:
            # Nothing may outlive a transaction there, and PgBouncer refuses what is asked for at the start.
            made["DISABLE_SERVER_SIDE_CURSORS"] = True
            options["prepare_threshold"] = None
            return made
        # A process that hangs in a transaction keeps its locks: deliveries of all the others stood still.
        limits = "-c lock_timeout=5s -c idle_in_transaction_session_timeout=10s"
        options["options"] = f"{options.get('options', '')} {limits}".strip()
    return made


DATABASES = {
    "default": database(
        _environment.database_url.get_secret_value(), var_dir=VAR_DIR, pooler=_environment.database_pooler
    )
}
environment.make_private(VAR_DIR)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# None: another server is used, none is started here.
VALKEY_DIR = None if _environment.redis_url.get_secret_value() else VAR_DIR
REDIS_URL = _environment.redis_url.get_secret_value() or valkey.url(VAR_DIR)
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, **redis.LAYER_OPTIONS}], "prefix": "chatbridge"},
    }
}

DISCORD_TOKEN = _environment.discord_token.get_secret_value()
DISCORD_CHANNEL_ID = _environment.discord_channel_id
DISCORD_API_URL = _environment.discord_api_url
DISCORD_GATEWAY_URL = _environment.discord_gateway_url
DISCORD_CDN_URL = _environment.discord_cdn_url

BRIDGE_SOCKETS = _environment.max_sockets
BRIDGE_DISK_RESERVE = _environment.disk_reserve

WEBHOOK_ALLOWED_NETWORKS = _environment.webhook_allowed_networks

BRIDGE_SERVICES = {
    "discord": "bridge.services.discord.service.DiscordService",
    "webhook": "bridge.services.webhook.service.WebhookService",
    "email": "bridge.services.email.service.EmailService",
}

MAIL_SERVER = environment.mail_server(_environment.email_url.get_secret_value())
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"OPTIONS": MAIL_SERVER}}
else:
    EMAIL_HOST, EMAIL_PORT = MAIL_SERVER["host"], MAIL_SERVER["port"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL_SERVER["username"], MAIL_SERVER["password"]
    EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL_SERVER["use_tls"], MAIL_SERVER["use_ssl"]
    EMAIL_TIMEOUT = MAIL_SERVER["timeout"]
DEFAULT_FROM_EMAIL = _environment.email_from
EMAIL_REPLY_DOMAIN = _environment.email_reply_domain
MAILGUN_SIGNING_KEY = _environment.mailgun_signing_key.get_secret_value()
POSTMARK_SECRET = _environment.postmark_secret.get_secret_value()

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# Whole: Django would put the path of the site in front of it, and does not in every thread.
STATIC_URL = f"{FORCE_SCRIPT_NAME or ''}/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Nothing in it is served but by `bridge.files`' own addresses, which look who asks.
MEDIA_ROOT = VAR_DIR / "files"
FILE_UPLOAD_PERMISSIONS = 0o640
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "chatbridge": {"BACKEND": _environment.files_backend, "OPTIONS": _environment.files_options},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "chatbridge_site.storage.HashedStaticFilesStorage"
    },
}
# Without DEBUG files are served from STATIC_ROOT only, under names that carry their hash.
WHITENOISE_USE_FINDERS = DEBUG
# Said of every static file that is served under ASGI: they are small, reading one whole does no harm.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

HTTPS = _environment.https if _environment.https is not None else not DEBUG
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    # Browsers take these from this very host alone: no other one of its domain can put in its own.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SECURE_HSTS_SECONDS = 3600 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
# HSTS for subdomains and preloading are promises about a domain that only its owner can make.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

DEFAULT_EXCEPTION_REPORTER = "chatbridge_site.secrecy.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "chatbridge_site.secrecy.Filter"

# Five wrong passwords for one user from one address, and that address waits. From elsewhere the user still comes in:
# nobody can lock out staff by typing wrong passwords for them.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "bridge.identity.handshake.address_of"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_SENSITIVE_PARAMETERS = ["password"]
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "chatbridge_site.middleware.too_many_logins"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]


def _is_no_static_file(record: logging.LogRecord) -> bool:
    """One that was found, that is: the page has fifty."""
    return record.levelno > logging.INFO or STATIC_URL not in record.getMessage()


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "chatbridge_site.secrecy.Formatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        }
    },
    "filters": {"no_static": {"()": "django.utils.log.CallbackFilter", "callback": _is_no_static_file}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": _environment.log_level},
    "loggers": {
        # Django's own handlers would print each line a second time.
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # uvicorn's own lines too: they have addresses in them, of which some have keys.
        **{
            name: {"handlers": [], "propagate": True}
            for name in ("uvicorn", "uvicorn.error", "uvicorn.access")
        },
        # Opening the page once would push the addresses and the password that `make run` prints off the screen.
        "django.channels.server": {"handlers": [], "propagate": True, "filters": ["no_static"]},
        # Between the addresses that `make run` prints it would advise to install things that nobody needs.
        "daphne.server": {"level": "WARNING" if DEBUG else "INFO"},
    },
}
