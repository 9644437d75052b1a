"""Mistakes in the settings, found by `manage.py check`, each with a stable id and a hint that says what to type."""
