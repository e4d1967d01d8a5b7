"""The planner: decides what of a statement the store does, and what is done locally."""
