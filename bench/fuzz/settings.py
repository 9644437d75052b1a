"""The site's settings with throttles out of the way, so that what is sent goes all the way in, and every door open."""

import faulthandler
import os
import signal

os.environ["ENV_FILE"] = ""

from bridge.infra.limits import THROTTLES, Limit, Throttle
from chatbridge_site.settings import *  # noqa: F403

_PLENTY = Limit(100_000_000, 60)
BRIDGE_THROTTLES = dict.fromkeys(THROTTLES, Throttle(visitor=_PLENTY, address=_PLENTY))
EMAIL_REPLY_DOMAIN = "reply.example.com"
MAILGUN_SIGNING_KEY = "fuzzed-mailgun-key"
POSTMARK_SECRET = "fuzzed-postmark-secret"
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
LOGGING["root"]["level"] = "WARNING"  # noqa: F405
# Where the server hangs: kill -USR1 writes into its log what every thread is doing.
faulthandler.register(signal.SIGUSR1, all_threads=True)
