"""The Django app whose models the benchmarks use."""
