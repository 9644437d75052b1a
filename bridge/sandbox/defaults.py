"""The sandbox's fixed names and ids, for settings and tests to point at without looking anything up."""

import base64

HOST = "127.0.0.1"
PORT = 8787

GUILD_ID = 1180000000000000001
APPLICATION_ID = 1180000000000000002
BOT_ID = APPLICATION_ID  # as for every Discord bot made since 2016
BOT_ROLE_ID = 1180000000000000003
STAFF_ROLE_ID = 1180000000000000004
STAFF_COLOUR = 0xF0B232

GENERAL_CHANNEL_ID = 1180000000000000011
SUPPORT_CHANNEL_ID = 1180000000000000012
FORUM_CHANNEL_ID = 1180000000000000013
FORUM_TAG_ID = 1180000000000000014
LOBBY_CHANNEL_ID = 1180000000000000015

# A second server, where one is founded.
BRANCH_ID = 1180000000000000041
BRANCH_CHANNEL_ID = 1180000000000000042

ADA_ID = 1180000000000000021
GRACE_ID = 1180000000000000022
ROBIN_ID = 1180000000000000023
BUTLER_ID = 1180000000000000024

# Name and whether it moves.
EMOJI = {1180000000000000031: ("party", False), 1180000000000000032: ("dance", True)}

# Ada and Grace are staff, Robin is an ordinary member, Butler is somebody else's bot.
USERS = {"ada": ADA_ID, "grace": GRACE_ID, "robin": ROBIN_ID, "butler": BUTLER_ID, "bot": BOT_ID}

# Shaped like a real token (id in base64, time, signature) since libraries take it apart; it opens nothing.
TOKEN = f"{base64.b64encode(str(BOT_ID).encode()).decode().rstrip('=')}.SANDBX.{'sandbox' * 5}abc"

BOT_PERMISSIONS = (
    "view_channel",
    "send_messages",
    "send_messages_in_threads",
    "create_public_threads",
    "manage_threads",
    "manage_webhooks",
    "read_message_history",
    "embed_links",
    "attach_files",
    "add_reactions",
    "use_external_emojis",
    "use_application_commands",
)


def api_url(base: str) -> str:
    """Return what `discord.http.Route.BASE` has to be for the sandbox at `base`."""
    return f"{base}/api/v10"


def cdn_url(base: str) -> str:
    """Return where the pictures of emoji are, as `cdn.discordapp.com` for Discord."""
    return base


def gateway_url(base: str) -> str:
    return f"{base.replace('http', 'ws', 1)}/gateway"
