"""Describes the socket's protocol for machines: as JSON Schema, AsyncAPI 3 and TypeScript types."""

from bridge.schemas.asyncapi import document
from bridge.schemas.described import Described, everything, ours, schema
from bridge.schemas.typescript import types

__all__ = ["Described", "document", "everything", "ours", "schema", "types"]
