"""What can happen in a conversation, and how it is read. No sockets, no services of its own."""
