"""Values without a structure that is declared: any JSON, and bytes."""

from django.db import models


class RawField(models.JSONField):
    """Any JSON value, stored as it is: a JSONField, whose None is NULL everywhere."""

    description = "Any JSON value"

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        path = path.replace("nonrel_backend.fields.raw.", "nonrel_backend.fields.")
        return name, path, args, kwargs


class BlobField(models.BinaryField):
    """Bytes, given as such or as a file to be read."""

    description = "Bytes"

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("editable", True)
        super().__init__(*args, **kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        if self.editable:
            kwargs.pop("editable", None)
        else:
            kwargs["editable"] = False
        path = path.replace("nonrel_backend.fields.raw.", "nonrel_backend.fields.")
        return name, path, args, kwargs

    def to_python(self, value):
        if hasattr(value, "read"):
            value = value.read()
            return value.encode() if isinstance(value, str) else value
        return super().to_python(value)

    def get_db_prep_value(self, value, connection, prepared=False):
        return super().get_db_prep_value(self.to_python(value), connection, prepared)

    def from_db_value(self, value, expression, connection):
        return bytes(value) if isinstance(value, memoryview) else value

    def formfield(self, **kwargs):
        from ..forms.fields import BlobField as FormField

        return super().formfield(**{"form_class": FormField, **kwargs})
