"""The HTTP API: the commands of the socket, for programs without a socket."""
