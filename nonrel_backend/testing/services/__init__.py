"""The servers that a backend's tests run on."""
