"""A database backend for Django: ENGINE is this package's name."""
