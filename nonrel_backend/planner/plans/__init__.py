"""Plans: what runs, one kind a file."""
