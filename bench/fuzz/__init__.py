"""Hostile frames and requests for a running server: `make fuzz COUNT=100000`."""
