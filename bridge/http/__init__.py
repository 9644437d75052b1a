"""The HTTP API: for what does not want a socket, the same commands at addresses of their own."""
