"""The chat socket: the consumer, sessions, commands and events."""
