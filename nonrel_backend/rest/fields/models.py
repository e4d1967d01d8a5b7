"""The fields of a resource, of those of a model."""

from collections.abc import Callable
from typing import Any

from django.db import models

from .. import fields
from ..resource.part import Part

# By internal type; a type that is not here is a text.
FIELD_CLASSES: dict[str, type[fields.ApiField]] = {
    "AutoField": fields.IntegerField,
    "BigAutoField": fields.IntegerField,
    "BigIntegerField": fields.IntegerField,
    "BinaryField": fields.BinaryField,
    "BooleanField": fields.BooleanField,
    "DateField": fields.DateField,
    "DateTimeField": fields.DateTimeField,
    "DecimalField": fields.DecimalField,
    "DurationField": fields.DurationField,
    "FileField": fields.FileField,
    "FloatField": fields.FloatField,
    "IntegerField": fields.IntegerField,
    "JSONField": fields.JSONField,
    "NullBooleanField": fields.BooleanField,
    "PositiveBigIntegerField": fields.IntegerField,
    "PositiveIntegerField": fields.IntegerField,
    "PositiveSmallIntegerField": fields.IntegerField,
    "SmallAutoField": fields.IntegerField,
    "SmallIntegerField": fields.IntegerField,
    "TimeField": fields.TimeField,
    "UUIDField": fields.UUIDField,
}
# Model fields with a structure of their own: what makes the field of a resource.
FACTORIES: dict[type, Callable[[Any, dict[str, Any]], fields.ApiField]] = {}


def register_field(
    model_field: type, factory: Callable[[Any, dict[str, Any]], fields.ApiField]
) -> None:
    """`factory(model_field, options)` makes the resource's field of such a one."""
    FACTORIES[model_field] = factory


def field_class(
    model_field: models.Field, default: type = fields.CharField
) -> type[fields.ApiField]:
    return FIELD_CLASSES.get(model_field.get_internal_type(), default)


def options_of(model_field: Any) -> dict[str, Any]:
    """null, blank, default and so on, as the model has them."""
    found: dict[str, Any] = {
        "null": model_field.null,
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
    """Whether the model fills it in by itself, or has it closed to forms."""
    return (
        model_field.generated
        or getattr(model_field, "auto_now", False)
        or getattr(model_field, "auto_now_add", False)
        or not (model_field.editable or model_field.primary_key)
    )


def api_field(
    model_field: Any, attribute: str, api_field_class: type | None = None
) -> fields.ApiField:
    """The resource's field of a model's."""
    options = {"attribute": attribute, **options_of(model_field)}
    if model_field.get_internal_type() == "DocumentField":
        # Registers its own; there are no such fields before there are models.
        from . import documents as documentfields  # noqa: F401
    for kind in type(model_field).__mro__:
        if kind in FACTORIES:
            return FACTORIES[kind](model_field, options)
    found = (api_field_class or field_class(model_field))(**options)
    found.limits = limits_of(model_field, found)
    return found


def limits_of(model_field: Any, field: fields.ApiField) -> dict[str, Any]:
    """What the model takes, as JSON Schema says it."""
    if type(field) is not fields.CharField:
        return {}
    found: dict[str, Any] = {}
    if model_field.max_length is not None:
        found["maxLength"] = model_field.max_length
    if model_field.choices:
        found["enum"] = [key for key, _ in model_field.flatchoices]
    return found


class ModelFields(Part):
    """The class methods of a ModelResource that make its fields."""

    base_fields: dict[str, Any]

    @classmethod
    def should_skip_field(cls, field: Any) -> bool:
        """Relations are left out: declare them. So is a key of several columns, which
        are there by themselves.
        """
        if isinstance(field, models.CompositePrimaryKey):
            return True
        return bool(getattr(field, "remote_field", None))

    @classmethod
    def api_field_from_django_field(
        cls, field: Any, default: type = fields.CharField
    ) -> type[fields.ApiField]:
        """The class of the resource's field for one of the model's."""
        return field_class(field, default)

    @classmethod
    def get_fields(
        cls, fields: list[str] | None = None, excludes: list[str] | None = None
    ) -> dict[str, Any]:
        """A field for each of the model's that is named, or is not excluded."""
        found: dict[str, Any] = {}
        for field in cls._meta.object_class._meta.fields:
            if (
                field.name in cls.base_fields
                or (fields and field.name not in fields)
                or (excludes and field.name in excludes)
                or cls.should_skip_field(field)
            ):
                continue
            kind = cls.api_field_from_django_field(field)
            made = api_field(field, field.name, kind)
            made.contribute_to_class(cls, field.name)
            found[field.name] = made
        return found
