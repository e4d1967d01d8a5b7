"""A database backend for Django; ENGINE is the name of this package."""
