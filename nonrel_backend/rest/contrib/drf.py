"""NonrelModelSerializer: this package's model fields in Django REST framework.

class ItemSerializer(NonrelModelSerializer):
    class Meta:
        model = Item
        fields = "__all__"
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from rest_framework import serializers

from ..exceptions import ApiFieldError
from ..modelfields import api_field
from ..serializers import Serializer


class DocumentField(serializers.Field):
    """A collection or an embedded model, in the same format as in a resource."""

    def __init__(self, model_field: Any, **kwargs: Any) -> None:
        self.model_field = model_field
        self.field: Any = api_field(model_field, model_field.name)
        self.field.instance_name = model_field.name
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        try:
            old = getattr(self.parent.instance, self.source or "", None)
            value = self.field.clean_over(data, old)
            return self.model_field.clean(value, None)
        except ApiFieldError as error:
            raise serializers.ValidationError(str(error)) from error
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error

    def to_representation(self, value: Any) -> Any:
        return Serializer(formats=["json"]).to_simple(self.field.convert(value))


class KeyField(serializers.Field):
    """A key that is shown as a string."""

    def __init__(self, model_field: Any, **kwargs: Any) -> None:
        self.model_field = model_field
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        try:
            return self.model_field.clean(data, None)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error

    def to_representation(self, value: Any) -> str:
        return str(value)


class RelatedKeyField(serializers.PrimaryKeyRelatedField):
    """A relation by a key of a type that JSON lacks, shown as a string."""

    def to_representation(self, value: Any) -> Any:
        key = value.pk
        return key if isinstance(key, int | str) else str(key)

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error


def register() -> None:
    """Show relations in the framework's own ModelSerializer by RelatedKeyField."""
    serializers.ModelSerializer.serializer_related_field = RelatedKeyField


class NonrelModelSerializer(serializers.ModelSerializer):
    """A ModelSerializer that knows this package's model fields."""

    serializer_related_field = RelatedKeyField

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        """Return the class and the options of the serializer's field."""
        ours = model_field.__module__.startswith("nonrel_backend.")
        if not ours or isinstance(model_field, models.JSONField | models.BinaryField):
            return super().build_standard_field(field_name, model_field)
        kind = DocumentField if hasattr(model_field, "item_fields") else KeyField
        options: dict[str, Any] = {"model_field": model_field}
        if not model_field.editable or getattr(model_field, "auto_created", False):
            return kind, options | {"read_only": True}
        if model_field.has_default() or model_field.blank or model_field.null:
            options["required"] = False
        if model_field.null:
            options["allow_null"] = True
        return kind, options
