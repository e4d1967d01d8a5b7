"""The public path of the serializer for Django REST framework."""

from .contrib.drf import (
    DocumentField,
    KeyField,
    NonrelModelSerializer,
    RelatedKeyField,
)

__all__ = ["DocumentField", "KeyField", "NonrelModelSerializer", "RelatedKeyField"]
