"""A database that other programs wrote, as an app called "foreign"."""
