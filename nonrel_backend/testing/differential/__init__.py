"""Random queries and writes, done by a backend and by SQLite, must agree."""
