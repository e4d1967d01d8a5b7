"""Countries and cities of the real world, and visits to them."""
