"""Model fields that hold an ObjectId: automatic keys and other columns."""

import sqlite3
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId
from django.core import exceptions
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..documents.codec import PORTABLE
from ..values.local import ADAPTERS, PARSERS
from . import forms

# The local engine and Django's SQLite hold its 24 digits, which sort the same.
sqlite3.register_adapter(ObjectId, str)
# The same as JSON text, in the local engine and in fixtures.
ADAPTERS[ObjectId] = lambda value, zone: str(value)
PORTABLE[ObjectId] = str
# How databases that know no ObjectId generate keys, as by AUTOINCREMENT.
KEY_DEFAULTS = {"sqlite": "DEFAULT (lower(hex(randomblob(12))))"}


def object_id(text: str) -> ObjectId:
    """Return the ObjectId of 24 digits; raise ValueError for other text."""
    try:
        return ObjectId(text)
    except InvalidId as error:
        raise ValueError(str(error)) from error


PARSERS["ObjectIdField"] = PARSERS["ObjectIdAutoField"] = object_id


class ObjectIdField(models.Field):
    """A column of `bson.ObjectId`, for which 24 hexadecimal digits may be given."""

    description = _("ObjectId")
    empty_strings_allowed = False
    default_error_messages = {"invalid": _("“%(value)s” is not a valid ObjectId.")}
    # Not those of AutoField, which are for integers.
    validators = models.Field.validators

    def get_internal_type(self) -> str:
        return "ObjectIdField"

    def is_native(self, connection: Any) -> bool:
        """Return whether the database stores ObjectIds, others store text."""
        return self.get_internal_type() in connection.data_types

    def db_type(self, connection: Any) -> str:
        types = connection.data_types
        as_text = "string" if types["CharField"] == "string" else "char(24)"
        return types.get(self.get_internal_type(), as_text)

    def rel_db_type(self, connection: Any) -> str:
        return self.db_type(connection)

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, ObjectId):
            return value
        try:
            return ObjectId(value)
        except (InvalidId, TypeError) as error:
            raise exceptions.ValidationError(
                self.error_messages["invalid"], code="invalid", params={"value": value}
            ) from error

    def get_prep_value(self, value: Any) -> Any:
        value = models.Field.get_prep_value(self, value)
        if value is None or isinstance(value, ObjectId):
            return value
        message = f"Field {self.name!r} expected an ObjectId but got {value!r}."
        try:
            return ObjectId(value)
        except InvalidId as error:
            raise ValueError(message) from error
        except TypeError as error:
            raise TypeError(message) from error

    def get_db_prep_value(
        self, value: Any, connection: Any, prepared: bool = False
    ) -> Any:
        value = super().get_db_prep_value(value, connection, prepared)
        if isinstance(value, ObjectId) and not self.is_native(connection):
            return str(value)
        return value

    def get_db_converters(self, connection: Any) -> list:
        return [] if self.is_native(connection) else [self.from_text]

    def from_text(self, value: Any, expression: Any, connection: Any) -> Any:
        return ObjectId(value) if ObjectId.is_valid(value) else value

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": forms.ObjectIdField, **kwargs})


class ObjectIdAutoField(ObjectIdField, models.AutoField):
    """A primary key that is generated when the row is inserted.

    MongoDB's backend and SQLite do it; for the other stores the field does.
    """

    # Django REST framework serializes it as this class, not as an AutoField's integer.
    _proxy_class = ObjectIdField
    referring_type = "ObjectIdField"  # what inspectdb shows for foreign keys to it

    def get_internal_type(self) -> str:
        return "ObjectIdAutoField"

    def new_keys(self, store: Any, count: int) -> dict[Any, list[str]]:
        """Return this column for new rows of a store that cannot generate it."""
        if self.is_native(store):
            return {}
        return {self: [str(ObjectId()) for _ in range(count)]}

    def db_type_suffix(self, connection: Any) -> str | None:
        return KEY_DEFAULTS.get(connection.vendor)
