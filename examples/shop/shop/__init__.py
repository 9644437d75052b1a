"""A shop with a chat: what docs/embedding.md makes, and an app of its own, `orders`."""
