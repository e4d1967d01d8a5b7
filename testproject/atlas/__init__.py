"""Countries and cities of the real world, and who has been there."""
