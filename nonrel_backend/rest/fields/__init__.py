"""The fields of a resource."""

from .base import NOT_PROVIDED, ApiField
from .nested import DictField, EmbeddedField, JSONField, ListField, SetField
from .plain import (
    BinaryField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    DurationField,
    FileField,
    FloatField,
    IntegerField,
    TimeField,
    UUIDField,
)
from .related import (
    ForeignKey,
    ManyToManyField,
    OneToManyField,
    OneToOneField,
    RelatedField,
    ToManyField,
    ToOneField,
)

__all__ = [
    "ApiField",
    "BinaryField",
    "BooleanField",
    "CharField",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "DictField",
    "DurationField",
    "EmbeddedField",
    "FileField",
    "FloatField",
    "ForeignKey",
    "IntegerField",
    "JSONField",
    "ListField",
    "ManyToManyField",
    "NOT_PROVIDED",
    "OneToManyField",
    "OneToOneField",
    "RelatedField",
    "SetField",
    "TimeField",
    "ToManyField",
    "ToOneField",
    "UUIDField",
]
