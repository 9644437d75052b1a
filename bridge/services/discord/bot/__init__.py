"""The Discord bot: what it sees goes to the actions, what waits for Discord goes out."""
