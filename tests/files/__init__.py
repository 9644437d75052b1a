"""Files without a server: what they are, and what they may cost."""
