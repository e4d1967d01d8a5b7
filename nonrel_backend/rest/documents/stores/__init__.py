"""Stores of documents, which need no ORM."""

from .base import (
    Condition,
    DictStore,
    Document,
    DocumentStore,
    Ordering,
    ScannedStore,
)

__all__ = [
    "Condition",
    "DictStore",
    "Document",
    "DocumentStore",
    "Ordering",
    "ScannedStore",
]
