"""What a project imports: Resource, ModelResource, and what their `Meta` speaks of."""

from .constants import ALL, ALL_WITH_RELATIONS
from .documents import DocumentResource
from .modelresource import ModelResource
from .options import DeclarativeMetaclass, ModelDeclarativeMetaclass, ResourceOptions
from .resource import Resource

__all__ = [
    "ALL",
    "ALL_WITH_RELATIONS",
    "DeclarativeMetaclass",
    "DocumentResource",
    "ModelDeclarativeMetaclass",
    "ModelResource",
    "Resource",
    "ResourceOptions",
]
