"""Orders, and what the chat knows of them."""
