"""Other people's packages: their own test suites on a backend, compared with SQLite."""
