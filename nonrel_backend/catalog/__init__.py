"""Tables, columns, indexes and unique values, for stores that keep none."""
