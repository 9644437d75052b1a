"""Settings of the tests: nothing from a developer's `.env`, and what is kept goes to a temporary folder."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# Inherited by the processes that tests start. Each worker of a parallel run has a folder of its own.
os.environ["ENV_FILE"] = ""
os.environ["SECRET_KEY"] = "for the tests only, " + "x" * 50
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="chatbridge-tests-")
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")
for name in (
    "REDIS_URL",
    "DISCORD_TOKEN",
    "DISCORD_CHANNEL_ID",
    "DISCORD_API_URL",
    "DISCORD_GATEWAY_URL",
    "DISCORD_CDN_URL",
    "WEBHOOK_ALLOWED_NETWORKS",
    "DEBUG",
    "EMAIL_URL",
    "EMAIL_REPLY_DOMAIN",
):
    os.environ.pop(name, None)
atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)

from bridge.infra.sqlite.base import OPTIONS  # noqa: E402
from chatbridge_site.settings import *  # noqa: E402, F403
from chatbridge_site.settings import BRIDGE_SERVICES, DATABASES, INSTALLED_APPS, STORAGES, VAR_DIR  # noqa: E402
from tests import prepared  # noqa: E402, F401

# Somebody else's app, with commands and events of its own.
INSTALLED_APPS = [*INSTALLED_APPS, "tests.shop_app"]
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
SECURE_SSL_REDIRECT = False
# The tests of everything else only need a service where a team answers: they pass without Discord's package.
BRIDGE_SERVICES = {"discord": "tests.services.memory.Team"} | BRIDGE_SERVICES
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True

if DATABASES["default"]["ENGINE"] == "bridge.infra.sqlite":
    # A file: threads that share a database in memory lock each other out at once, whatever the time-out.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(VAR_DIR) / "test.sqlite3")}
    # No test in this process cuts the power: 5 ms a commit on a slow disk for nothing. That a site syncs is seen in
    # tests/infra/test_sqlite.py, and those that are started as processes do.
    DATABASES["default"]["OPTIONS"] = {"init_command": OPTIONS["init_command"].replace("=FULL", "=OFF")}
else:
    # A database there that is migrated: the new one begins as its copy.
    DATABASES["default"]["TEST"] = {"TEMPLATE": os.environ.get("TEST_DATABASE_TEMPLATE") or None}
