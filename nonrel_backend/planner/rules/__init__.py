"""Rules, one a file: each makes a plan of a statement, or refuses it."""
