"""The chat socket: its consumer, its sessions, the commands that they may send, and what they are sent."""
