"""Pure functions on text: markdown, emoji, nicks and look-alikes, word filters."""
