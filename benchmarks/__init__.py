"""The benchmarks: the same operations by four ways, side by side in one run."""
