"""Changes and reads conversations, without knowing about sockets or particular services."""
