"""Collection fields and embedded models, the same on every backend."""

from . import lookups  # noqa: F401 (registers the lookups)
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
