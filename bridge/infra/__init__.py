"""What the rest stands on: Redis and Valkey, database threads, the SQLite back end, clocks, throttling."""
