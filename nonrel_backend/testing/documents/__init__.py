"""Random documents, queries and changes of them, and an oracle in plain Python."""
