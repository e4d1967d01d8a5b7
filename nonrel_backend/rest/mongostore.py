"""The public path of MongoStore."""

from .documents.stores.mongodb import MongoStore

__all__ = ["MongoStore"]
