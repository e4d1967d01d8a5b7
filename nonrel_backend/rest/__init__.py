"""REST: resources over every backend, and over stores with no ORM."""
