"""The Discord bot: passes Discord's events to the actions, and sends deliveries to Discord."""
