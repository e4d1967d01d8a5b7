"""Collection fields and embedded models, the same on every backend."""

from ..documents import databases  # noqa: F401 (prepares them)
from . import lookups  # noqa: F401 (registers them)
from .collections import DictField, ListField, SetField
from .embedded import EmbeddedModelField
from .indexes import PathIndex
from .managers import DocumentManager, DocumentQuerySet
from .model import EmbeddedModel
from .raw import BlobField, RawField
from .updates import AddToSet, Increment, Pull, Push, SetKey

__all__ = [
    "AddToSet",
    "BlobField",
    "DictField",
    "DocumentManager",
    "DocumentQuerySet",
    "EmbeddedModel",
    "EmbeddedModelField",
    "Increment",
    "ListField",
    "PathIndex",
    "Pull",
    "Push",
    "RawField",
    "SetField",
    "SetKey",
]
