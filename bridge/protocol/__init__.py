"""The wire protocol, version 1: commands in, replies and events out.

What comes in are closed pydantic models, validated once at the edge. What goes out are TypedDicts: they cost
nothing to build, and the same JSON Schema is generated from both (`manage.py protocol_schema`).
"""

VERSION = 1
SUBPROTOCOL = "chatbridge.v1"
MAX_FRAME = 64 * 1024
"""Bytes in one frame from a client."""
MAX_ID = 64
"""Characters in a command's id."""
MAX_CONTENT = 4000
"""Characters in one message. A service that takes fewer gets it in pieces."""
MAX_NAME = 80
MAX_ATTACHMENTS = 10
"""Files in one message."""
MAX_PAGE = 100
MAX_MEMBERS = 200
"""Members of a room in one list; their number is told besides."""
SYNC_LIMIT = 300
"""A client that is further behind than this many revisions gets `reset` and the newest page."""
CLOSE_PROTOCOL = 4400
CLOSE_NO_SESSION = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_HEARTBEAT = 4408
CLOSE_FLOODING = 4429
CLOSE_RESTARTING = 1012
CLOSE_TRY_LATER = 1013
