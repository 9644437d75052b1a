"""What the reasons of failed deliveries mean, and what staff can do."""

REASONS = {
    "refused": "Discord refused the text. Try again only if its rules have changed.",
    "blocked_by_automod": "The Discord server's AutoMod blocked the text: change its rule, then try again.",
    "blocked_link": "Discord refused a link in the text. Try again only if it now accepts this link.",
    "too_large": "It exceeds Discord's size limit.",
    "edited_too_often": "Discord limits how often old messages can be edited: try again in an hour.",
    "thread_deleted": "Its thread in Discord was deleted. If you try again, it goes into the new one.",
    "message_deleted": "The message was deleted in Discord and can no longer be changed.",
    "not_permitted": "The bot lacks a permission: grant it in Discord, then try again.",
    "unreachable": "Discord could not be reached.",
    "offline": "The bot was not logged in.",
    "too_many_threads": "The Discord server has too many active threads: archive some, then try again.",
    "unknown_emoji": "Discord does not have this emoji, or the bot cannot use it: the reaction is only on the page.",
    "too_many_reactions": "The message already has the maximum number of different reactions in Discord.",
    "reaction_blocked": "Discord did not let the bot react to this message.",
}
