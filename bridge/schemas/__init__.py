"""The protocol of the socket, described for machines: as JSON Schema, as AsyncAPI 3 and as TypeScript types."""

from bridge.schemas.asyncapi import document
from bridge.schemas.described import Described, everything, ours, schema
from bridge.schemas.typescript import types

__all__ = ["Described", "document", "everything", "ours", "schema", "types"]
