"""The public path of LMDBStore."""

from .documents.stores.lmdb import LMDBStore

__all__ = ["LMDBStore"]
