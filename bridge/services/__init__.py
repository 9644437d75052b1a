"""Plug-ins that carry messages to and from one outside system each."""
