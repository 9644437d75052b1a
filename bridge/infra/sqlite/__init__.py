"""Django's database engine for SQLite, with a fair lock: `ENGINE = "bridge.infra.sqlite"`."""
