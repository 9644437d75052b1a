"""E-mail: what a visitor missed goes to the address that he left, and his answer comes back into the conversation."""
