"""Everyday queries on a million rows: `python -m benchmarks.scale`."""
