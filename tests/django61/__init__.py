"""Tests of what Django has only since 6.1, and models for them."""
