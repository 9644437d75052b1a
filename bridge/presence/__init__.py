"""Who is online: in an inbox, in a room, on the team."""
