"""A Discord of its own, on loopback, for running and testing the bot without one."""
