"""The same store without transactions."""
