"""The OpenAPI description of an Api."""
