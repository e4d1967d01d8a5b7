"""The resource's field for a field of a model."""

from collections.abc import Callable
from typing import Any

from django.db import models

from . import plain
from .base import ApiField
from .nested import JSONField

Factory = Callable[[Any, dict[str, Any]], ApiField]

# By internal type. Any other type is a CharField.
FIELD_CLASSES: dict[str, type[ApiField]] = {
    "AutoField": plain.IntegerField,
    "BigAutoField": plain.IntegerField,
    "BigIntegerField": plain.IntegerField,
    "BinaryField": plain.BinaryField,
    "BooleanField": plain.BooleanField,
    "DateField": plain.DateField,
    "DateTimeField": plain.DateTimeField,
    "DecimalField": plain.DecimalField,
    "DurationField": plain.DurationField,
    "FileField": plain.FileField,
    "FloatField": plain.FloatField,
    "IntegerField": plain.IntegerField,
    "JSONField": JSONField,
    "NullBooleanField": plain.BooleanField,
    "PositiveBigIntegerField": plain.IntegerField,
    "PositiveIntegerField": plain.IntegerField,
    "PositiveSmallIntegerField": plain.IntegerField,
    "SmallAutoField": plain.IntegerField,
    "SmallIntegerField": plain.IntegerField,
    "TimeField": plain.TimeField,
    "UUIDField": plain.UUIDField,
}
# The factories of model fields with a structure of their own, by class.
FACTORIES: dict[type, Factory] = {}


def register_field(model_field: type, factory: Factory) -> None:
    """Register `factory(model_field, options)`, which makes the resource's field for a
    class of model fields.
    """
    FACTORIES[model_field] = factory


def field_class(
    model_field: models.Field, default: type[ApiField] = plain.CharField
) -> type[ApiField]:
    """Return the class of the resource's field for a model field."""
    return FIELD_CLASSES.get(model_field.get_internal_type(), default)


def options_of(model_field: Any) -> dict[str, Any]:
    """Return the options of the resource's field: null, blank, default and others."""
    # A FileField without a file is null in the data, and empty text in the column.
    may_be_empty = isinstance(model_field, models.FileField) and model_field.blank
    found: dict[str, Any] = {
        "null": model_field.null or may_be_empty,
        "unique": model_field.unique,
        "readonly": is_readonly(model_field),
        "verbose_name": str(model_field.verbose_name),
    }
    if model_field.help_text:
        found["help_text"] = str(model_field.help_text)
    if model_field.has_default():
        found["default"] = model_field.default
    elif getattr(model_field, "db_default", models.NOT_PROVIDED) is not (
        models.NOT_PROVIDED
    ):
        found["blank"] = True
    if model_field.blank or isinstance(model_field, models.AutoField):
        found["blank"] = True
    return found


def is_readonly(model_field: Any) -> bool:
    """Return whether the model computes the field, or excludes it from forms."""
    return (
        model_field.generated
        or getattr(model_field, "auto_now", False)
        or getattr(model_field, "auto_now_add", False)
        or not (model_field.editable or model_field.primary_key)
    )


def registered_field(
    model_field: Any, attribute: str, api_field_class: type[ApiField] | None = None
) -> ApiField:
    """Return the resource's field for a model field: of the registered factory, of the
    given class, or of field_class().
    """
    options = {"attribute": attribute, **options_of(model_field)}
    for kind in type(model_field).__mro__:
        if kind in FACTORIES:
            return FACTORIES[kind](model_field, options)
    found = (api_field_class or field_class(model_field))(**options)
    found.limits = limits_of(model_field, found)
    found.column = model_field
    return found


def limits_of(model_field: Any, field: ApiField) -> dict[str, Any]:
    """Return the model field's limits as keywords of JSON Schema."""
    if type(field) is not plain.CharField:
        return {}
    found: dict[str, Any] = {}
    if model_field.max_length is not None:
        found["maxLength"] = model_field.max_length
    if model_field.choices:
        found["enum"] = [key for key, _ in model_field.flatchoices]
    return found
