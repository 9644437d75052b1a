"""Infrastructure: Redis and Valkey, database threads, the SQLite back end, clocks, throttling, keyset pagination."""
