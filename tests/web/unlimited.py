"""The site's settings for processes that one address sends a thousand sockets to."""

from bridge.infra.limits import THROTTLES, Limit, Throttle
from chatbridge_site.settings import *  # noqa: F403

_PLENTY = Limit(1_000_000, 60)
BRIDGE_THROTTLES = dict.fromkeys(THROTTLES, Throttle(visitor=_PLENTY, address=_PLENTY))
BRIDGE_SOCKETS_PER_ADDRESS = 100_000
