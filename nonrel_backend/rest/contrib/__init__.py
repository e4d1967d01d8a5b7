"""Support for other REST packages."""
