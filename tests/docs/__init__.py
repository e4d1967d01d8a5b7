"""The examples in the documentation, run as tests, and the app of their models."""
