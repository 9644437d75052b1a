"""The project's settings with limits out of the way: what is measured is the cost of a throttle, not its effect."""

import os

os.environ["ENV_FILE"] = ""
os.environ["SECRET_KEY"] = "for the benchmark only, " + "x" * 50
os.environ["DEBUG"] = os.environ["HTTPS"] = "0"

from bridge.infra.limits import THROTTLES, Limit, Throttle
from chatbridge_site.settings import *  # noqa: F403

ALLOWED_HOSTS = ["127.0.0.1"]
LOGGING["root"]["level"] = "WARNING"  # noqa: F405
_PLENTY = Limit(100_000_000, 60)
BRIDGE_THROTTLES = dict.fromkeys(THROTTLES, Throttle(visitor=_PLENTY, address=_PLENTY))
BRIDGE_SOCKETS_PER_ADDRESS = 100_000
# No collectstatic for the one page of the admin that is measured.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
