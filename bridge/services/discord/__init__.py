"""Discord as a service: requests to it, and the bot that listens to it."""
