"""An embedded Valkey for installations without a Redis of their own."""

from pathlib import Path


def url(directory: Path) -> str:
    return f"unix://{directory}/valkey.sock"


def keep() -> None:
    """Placeholder until the next commit."""
