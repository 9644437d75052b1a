"""The chat in a terminal: `manage.py chat`, as staff or as a visitor."""
