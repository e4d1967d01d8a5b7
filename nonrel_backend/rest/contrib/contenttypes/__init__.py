"""Relations by generic foreign keys."""
