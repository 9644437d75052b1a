"""Settings of the tests: nothing from a developer's `.env`, everything that is kept goes to a temporary folder."""

import os
import tempfile

# Inherited by the processes that tests start.
os.environ["ENV_FILE"] = ""
os.environ.setdefault("SECRET_KEY", "tests-only-" + "x" * 50)
os.environ.setdefault("VAR_DIR", tempfile.mkdtemp(prefix="chatbridge-tests-"))
for name in ("REDIS_URL", "DATABASE_URL", "DISCORD_TOKEN", "DISCORD_CHANNEL_ID", "DEBUG"):
    os.environ.pop(name, None)

from chatbridge_site.settings import *  # noqa: E402, F403

ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
SECURE_SSL_REDIRECT = False
STORAGES["staticfiles"] = {  # noqa: F405
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
WHITENOISE_USE_FINDERS = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
