"""REST resources over every backend, and over stores without an ORM."""
