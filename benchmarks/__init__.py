"""Benchmarks: the same operations on several backends, side by side in one run."""
