"""The wire protocol, version 1: commands in, replies and events out.

Incoming frames are closed pydantic models, validated once at the edge. Outgoing frames are TypedDicts, which cost
nothing to build. `manage.py protocol_schema` generates one JSON Schema from both.
"""

VERSION = 1
SUBPROTOCOL = "chatbridge.v1"
MAX_FRAME = 64 * 1024
"""Maximum size of a frame from a client, in bytes."""
MAX_ID = 64
"""Maximum number of characters in a command's id."""
MAX_CONTENT = 4000
"""Maximum number of characters in a message. A service that accepts fewer receives it in parts."""
MAX_NAME = 80
MAX_ATTACHMENTS = 10
"""Maximum number of files in a message."""
MAX_PAGE = 100
MAX_MEMBERS = 200
"""Maximum number of members in a room's list. The total is sent separately."""
SYNC_LIMIT = 300
"""A client that is more than this many revisions behind gets `reset` and the newest page."""
CLOSE_PROTOCOL = 4400
CLOSE_NO_SESSION = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_HEARTBEAT = 4408
CLOSE_FLOODING = 4429
CLOSE_RESTARTING = 1012
CLOSE_TRY_LATER = 1013
