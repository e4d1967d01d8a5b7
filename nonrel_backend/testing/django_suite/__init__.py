"""Django's own test suite, run on a backend."""
