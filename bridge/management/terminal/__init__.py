"""The chat in a terminal, `manage.py chat`: a client of the socket."""
