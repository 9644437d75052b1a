"""Pure functions on text, by Unicode's properties."""
