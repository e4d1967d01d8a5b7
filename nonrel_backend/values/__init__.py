"""Values: in Python, in a store, in the local engine."""
