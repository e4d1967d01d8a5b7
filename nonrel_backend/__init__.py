"""The Django ORM, whole, on stores that are not SQL databases."""

__version__ = "0.2.0"
# The version of what backends import and override: docs/author-interface.md.
INTERFACE_VERSION = 1
