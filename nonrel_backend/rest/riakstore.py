"""The public path of RiakStore."""

from .documents.stores.riak import RiakStore

__all__ = ["RiakStore"]
