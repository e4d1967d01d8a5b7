"""INSERT, UPDATE and DELETE, constraints, and raw SQL that writes."""
