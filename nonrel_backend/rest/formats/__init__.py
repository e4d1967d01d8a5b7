"""How data is written: XML, JSON Lines, parts of it."""
