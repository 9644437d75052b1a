"""What the socket speaks, described for machines: as JSON Schema, as AsyncAPI 3 and as TypeScript types."""

from bridge.schemas.asyncapi import document
from bridge.schemas.described import Described, everything, ours
from bridge.schemas.schema import schema
from bridge.schemas.typescript import types

__all__ = ["Described", "document", "everything", "ours", "schema", "types"]
