"""The form field for an ObjectId."""

from typing import Any

from bson import ObjectId
from django import forms
from django.core import exceptions
from django.utils.translation import gettext_lazy as _


class ObjectIdField(forms.CharField):
    """A field of 24 hexadecimal digits, which cleans to a `bson.ObjectId` or None."""

    default_error_messages = {"invalid": _("Enter 24 hexadecimal digits.")}

    def prepare_value(self, value: Any) -> Any:
        return str(value) if isinstance(value, ObjectId) else value

    def to_python(self, value: Any) -> ObjectId | None:
        if isinstance(value, ObjectId):
            return value
        value = super().to_python(value)
        if value in self.empty_values:
            return None
        if not ObjectId.is_valid(value):
            raise exceptions.ValidationError(
                self.error_messages["invalid"], code="invalid"
            )
        return ObjectId(value)
