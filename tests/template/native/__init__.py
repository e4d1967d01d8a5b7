"""The template on a store that does more itself: it overrides the toolkit's hooks."""
