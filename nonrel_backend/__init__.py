"""The Django ORM, whole, on stores that are not SQL databases."""

__version__ = "0.1.0"
