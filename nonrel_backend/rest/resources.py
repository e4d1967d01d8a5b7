"""The classes of resources, and the constants of their `Meta`."""

from django.views.decorators.csrf import csrf_exempt

from .constants import ALL, ALL_WITH_RELATIONS
from .documents import DocumentResource
from .modelresource.resource import ModelResource
from .resource.options import (
    DeclarativeMetaclass,
    ModelDeclarativeMetaclass,
    ResourceOptions,
)
from .resource.resource import Resource

# The name of what tastypie's ModelResource inherits.
BaseModelResource = ModelResource


class NamespacedModelResource(ModelResource):
    """A ModelResource of a NamespacedApi, as any ModelResource may be."""


__all__ = [
    "ALL",
    "ALL_WITH_RELATIONS",
    "BaseModelResource",
    "DeclarativeMetaclass",
    "DocumentResource",
    "ModelDeclarativeMetaclass",
    "ModelResource",
    "NamespacedModelResource",
    "Resource",
    "ResourceOptions",
    "csrf_exempt",
]
