"""Somebody else's app: a shop that adds commands and events of its own."""
