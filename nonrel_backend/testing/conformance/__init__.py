"""The conformance suite: compares a backend with Django on SQLite."""

from .suite import BackendConformance

__all__ = ["BackendConformance"]
