"""A database engine: Django's for SQLite, with a fair lock. `ENGINE = "bridge.infra.sqlite"`."""
