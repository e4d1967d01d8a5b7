"""A backend on conditional writes in memory, for the tests of OptimisticWrapper."""
