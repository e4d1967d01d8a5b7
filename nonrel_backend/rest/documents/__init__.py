"""Resources over documents of stores that have no ORM."""

from .resource import DocumentObject, DocumentResource, Documents

__all__ = ["DocumentObject", "DocumentResource", "Documents"]
