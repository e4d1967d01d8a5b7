"""The form field for an ObjectId."""

from bson import ObjectId
from django import forms
from django.core import exceptions
from django.utils.translation import gettext_lazy as _


class ObjectIdField(forms.CharField):
    """24 hexadecimal digits, cleaned to a `bson.ObjectId`; empty is None."""

    default_error_messages = {"invalid": _("Enter 24 hexadecimal digits.")}

    def prepare_value(self, value):
        return str(value) if isinstance(value, ObjectId) else value

    def to_python(self, value):
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
