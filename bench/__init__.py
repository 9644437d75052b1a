"""`python -m bench`: how fast it is, beside a plain Channels consumer on the same server in the same run."""
