"""RawField and BlobField: values without a declared structure."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from ..forms import fields as forms


class RawField(models.JSONField):
    """Any JSON value: a JSONField whose None is always NULL."""

    description = "Any JSON value"

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        path = path.replace("nonrel_backend.fields.raw.", "nonrel_backend.fields.")
        return name, path, args, kwargs


class BlobField(models.BinaryField):
    """Bytes, assigned as bytes or as a file object, which is read."""

    description = "Bytes"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("editable", True)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        if self.editable:
            kwargs.pop("editable", None)
        else:
            kwargs["editable"] = False
        path = path.replace("nonrel_backend.fields.raw.", "nonrel_backend.fields.")
        return name, path, args, kwargs

    def to_python(self, value: Any) -> Any:
        if hasattr(value, "read"):
            value = value.read()
            return value.encode() if isinstance(value, str) else value
        return super().to_python(value)

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        return super().get_db_prep_value(self.to_python(value), connection, prepared)

    def from_db_value(
        self, value: Any, expression: Any, connection: BaseDatabaseWrapper
    ) -> Any:
        return bytes(value) if isinstance(value, memoryview) else value

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": forms.BlobField, **kwargs})
