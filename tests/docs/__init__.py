"""The examples of the documentation, as tests, and an app for their models."""
