"""Discord as a service: the requests to it, and the bot that receives its events."""
