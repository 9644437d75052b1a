"""E-mail as a service: visitors are mailed what they missed, and can answer by e-mail."""
