"""Model fields that hold an ObjectId: automatic keys, and any other column."""

import sqlite3

from bson import ObjectId
from bson.errors import InvalidId
from django.core import exceptions
from django.db import models
from django.utils.translation import gettext_lazy as _

from . import forms

# In the local engine, as on Django's SQLite, it is its 24 digits: they sort the same.
sqlite3.register_adapter(ObjectId, str)
# What makes the keys where MongoDB does not, as AUTOINCREMENT does for an AutoField.
KEY_DEFAULTS = {"sqlite": "DEFAULT (lower(hex(randomblob(12))))"}


class ObjectIdField(models.Field):
    """The values are `bson.ObjectId`; 24 hexadecimal digits are taken for one."""

    description = _("ObjectId")
    empty_strings_allowed = False
    default_error_messages = {"invalid": _("“%(value)s” is not a valid ObjectId.")}
    # An AutoField's are for integers.
    validators = models.Field.validators

    def get_internal_type(self):
        return "ObjectIdField"

    def is_native(self, connection) -> bool:
        return self.get_internal_type() in connection.data_types

    def db_type(self, connection):
        return connection.data_types.get(self.get_internal_type(), "char(24)")

    def rel_db_type(self, connection):
        return self.db_type(connection)

    def to_python(self, value):
        if value is None or isinstance(value, ObjectId):
            return value
        try:
            return ObjectId(value)
        except (InvalidId, TypeError) as error:
            raise exceptions.ValidationError(
                self.error_messages["invalid"], code="invalid", params={"value": value}
            ) from error

    def get_prep_value(self, value):
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

    def get_db_prep_value(self, value, connection, prepared=False):
        value = super().get_db_prep_value(value, connection, prepared)
        if isinstance(value, ObjectId) and not self.is_native(connection):
            return str(value)
        return value

    def get_db_converters(self, connection):
        return [] if self.is_native(connection) else [self.from_text]

    def from_text(self, value, expression, connection):
        return ObjectId(value) if ObjectId.is_valid(value) else value

    def formfield(self, **kwargs):
        return super().formfield(**{"form_class": forms.ObjectIdField, **kwargs})


class ObjectIdAutoField(ObjectIdField, models.AutoField):
    """A primary key that is made when the row is inserted."""

    referring_type = "ObjectIdField"  # what inspectdb shows of foreign keys to it

    def get_internal_type(self):
        return "ObjectIdAutoField"

    def db_type_suffix(self, connection):
        return KEY_DEFAULTS.get(connection.vendor)
