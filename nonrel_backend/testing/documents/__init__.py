"""Random documents and what is asked of them, against an oracle in plain Python."""
