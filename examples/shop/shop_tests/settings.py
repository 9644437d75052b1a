"""The shop's settings in a temporary folder. From a working copy the chat's pages are not where a wheel has them."""

import atexit
import shutil
import tempfile
from pathlib import Path

from shop.settings import *  # noqa: F403
from shop.settings import DATABASES, TEMPLATES

WORKING_COPY = Path(__file__).resolve().parents[3]
VAR_DIR = Path(tempfile.mkdtemp(prefix="shop-tests-"))
atexit.register(shutil.rmtree, VAR_DIR, ignore_errors=True)

TEMPLATES[0]["DIRS"] = [WORKING_COPY / "templates"]
STATICFILES_DIRS = [WORKING_COPY / "static"]
# A file: threads that share a database in memory lock each other out at once, whatever the time-out.
DATABASES["default"] |= {"NAME": VAR_DIR / "db.sqlite3", "TEST": {"NAME": str(VAR_DIR / "test.sqlite3")}}
WAREHOUSE_DIR = VAR_DIR / "warehouse"
ALLOWED_HOSTS = ["testserver"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
