"""The two clocks of delivery: the database's, which all processes share, and one that runs during suspend."""

import time
from typing import Any

from django.db.models.functions import Now


class Clock:
    """Leases expire by `now`. How long a claim may still be used is measured by `uptime`."""

    def now(self) -> Any:
        """The database's time, as an expression. Clocks of machines differ, but they share one database."""
        return Now()

    def uptime(self) -> float:
        """Seconds, including those during which the machine or the process was suspended.

        A monotonic clock may stop during suspend. A process that was suspended until its claim expired would then
        believe that it still has the claim.
        """
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
