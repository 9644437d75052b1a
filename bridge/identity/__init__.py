"""Identifies visitors, and lets them in: tokens, JWT and login, handshakes, contacts, revocation."""
