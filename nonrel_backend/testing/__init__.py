"""What a backend's own tests need: the conformance suite, servers, Django's suite."""

from .conformance import BackendConformance

__all__ = ["BackendConformance"]
