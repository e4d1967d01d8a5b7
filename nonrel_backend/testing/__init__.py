"""Tests for backends: the conformance suite, Django's suite, and servers for them."""

from .conformance import BackendConformance

__all__ = ["BackendConformance"]
