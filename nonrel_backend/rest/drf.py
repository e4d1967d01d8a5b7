"""Our model fields for the serializers of Django REST framework.

class ItemSerializer(NonrelModelSerializer):
    class Meta:
        model = Item
        fields = "__all__"
"""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers


class ModelFieldField(serializers.Field):
    """A value that a model's field reads, and that is shown as JSON has it: the field
    of ObjectIds, and of what has a structure of its own.
    """

    default_error_messages = {"invalid": "Not a valid value."}

    def __init__(self, model_field: Any, **kwargs: Any):
        self.model_field = model_field
        kwargs.pop("max_length", None)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        try:
            value = self.model_field.to_python(data)
            self.model_field.run_validators(value)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error
        except (TypeError, ValueError) as error:
            raise serializers.ValidationError(self.error_messages["invalid"]) from error
        return value

    def to_representation(self, value: Any) -> Any:
        from .serializers import Serializer

        return Serializer(formats=["json"]).to_simple(value)


class KeyField(ModelFieldField):
    """A key that is shown as a text."""

    def to_representation(self, value: Any) -> str:
        return str(value)


class RelatedKeyField(serializers.PrimaryKeyRelatedField):
    """A relation by a key that JSON has not, as its text; malformed is no such one."""

    def to_representation(self, value: Any) -> Any:
        key = value.pk
        return key if isinstance(key, int | str) else str(key)

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error


class NonrelModelSerializer(serializers.ModelSerializer):
    """A ModelSerializer that knows the fields of the backends."""

    serializer_related_field = RelatedKeyField

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        if not model_field.__module__.startswith("nonrel_backend."):
            return super().build_standard_field(field_name, model_field)
        kind = ModelFieldField if hasattr(model_field, "item_fields") else KeyField
        options: dict[str, Any] = {"model_field": model_field}
        if not model_field.editable or getattr(model_field, "auto_created", False):
            return kind, options | {"read_only": True}
        if model_field.has_default() or model_field.blank or model_field.null:
            options["required"] = False
        if model_field.null:
            options["allow_null"] = True
        return kind, options
