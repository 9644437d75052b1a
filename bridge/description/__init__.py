"""What the socket speaks, described for machines: as JSON Schema, as AsyncAPI 3 and as TypeScript types."""

from bridge.description.asyncapi import document
from bridge.description.described import Described, everything, ours
from bridge.description.schema import schema
from bridge.description.typescript import types

__all__ = ["Described", "document", "everything", "ours", "schema", "types"]
