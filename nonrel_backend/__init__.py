"""The Django ORM, whole, on stores that are not SQL databases."""

__version__ = "0.2.0"
