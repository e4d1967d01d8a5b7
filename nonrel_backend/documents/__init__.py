"""What documents are on every backend: leaves, paths, lookups and changes."""
