"""What a backend's own tests need: servers to start, suites to run."""
