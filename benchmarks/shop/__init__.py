"""The Django app with the benchmarks' models."""
