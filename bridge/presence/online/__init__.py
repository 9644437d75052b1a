"""Who is online, across processes: which visitors have sessions in which inbox, since when, identified or not.

Each process keeps a hash for each inbox in Redis, with an entry for each visitor, and writes only what changed: its
heartbeat is one EXPIRE an inbox, however many sockets there are. A process that dies is forgotten within a minute;
what Redis forgot is written again whole. Who came within the last two seconds may not be in it yet.
"""

from bridge.presence.online.asking import count, is_online, sessions
from bridge.presence.online.blocking import is_here, is_open, online_in, some_of
from bridge.presence.online.entries import Count, Online
from bridge.presence.online.registry import Registry

__all__ = [
    "Count",
    "Online",
    "Registry",
    "count",
    "is_here",
    "is_online",
    "is_open",
    "online_in",
    "sessions",
    "some_of",
]
