"""The local engine: SQLite in memory, through a private Django wrapper."""
