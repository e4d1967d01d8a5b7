"""What all fields that hold documents share: storage, lookups on paths, validation."""

import copy
import json
from typing import Any

from django.core import checks, exceptions
from django.db import models
from django.db.models.lookups import IsNull
from django.db.models.signals import class_prepared

from ..documents import codec
from ..values.wrappers import Document
from .managers import give_manager


class DocumentField(models.Field):
    """A column whose value is a collection or an embedded model.

    A subclass says how its values become documents and back (`document_writer`,
    `document_reader`), what a path through it leads to (`step`) and what it holds
    besides (`item_fields`).
    """

    empty_strings_allowed = False
    # What a value without a default of its own begins as.
    empty: Any = None
    # Whether it is an embedded model, whose NULLs have no key.
    embeds = False
    # The lookups there are on the whole value.
    lookup_names = frozenset({"exact", "isnull", "in"})

    # --- for subclasses ---

    def document_writer(self, codec):
        """The function that makes a value, not None, a document."""
        raise NotImplementedError

    def document_reader(self, codec):
        """The function that makes a document, not None, a value."""
        raise NotImplementedError

    def step(self, name: str):
        """(steps, field) of what a path leads to by this name, None for nothing."""
        return None

    def item_fields(self) -> list[models.Field]:
        return []

    # --- the column ---

    def contribute_to_class(self, cls, name, private_only=False):
        super().contribute_to_class(cls, name, private_only)
        if not cls._meta.abstract:
            class_prepared.connect(give_manager, sender=cls)

    def get_internal_type(self):
        return "DocumentField"

    def db_type(self, connection):
        types = connection.data_types
        return types.get("DocumentField") or types["TextField"]

    def rel_db_type(self, connection):
        return self.db_type(connection)

    def has_default(self):
        return super().has_default() or (self.empty is not None and not self.null)

    def get_default(self):
        """A value of its own for every instance."""
        if super().has_default():
            default = self.default
            return default() if callable(default) else copy.deepcopy(default)
        return None if self.null or self.empty is None else self.empty()

    # --- values ---

    def pre_save(self, model_instance, add):
        value = super().pre_save(model_instance, add)
        return value.of(self) if hasattr(value, "and_then") else value

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return self.to_python(value)

    def get_db_prep_value(self, value, connection, prepared=False):
        if not prepared:
            value = self.get_prep_value(value)
        if value is None or hasattr(value, "as_sql"):
            return value
        if codec.is_store(connection):
            return Document(self, value, connection)
        return codec.to_text(self, value, connection)

    def stored_document(self, value, connection):
        """Return a value as lists and dictionaries of the store's own types."""
        return codec.codec_of(connection).writer(self)(value)

    def document_text(self, value, connection):
        """Return a value as the JSON text that SQL and the local engine hold."""
        return codec.to_text(self, value, connection)

    def from_db_value(self, value, expression, connection):
        if value is None:
            return None
        if isinstance(value, str):  # of SQL: a store's document is none
            return codec.from_text(self, value, connection)
        return codec.codec_of(connection).reader(self)(value)

    def value_to_string(self, obj):
        value = self.value_from_object(obj)
        if value is None:
            return None
        return json.dumps(codec.portable.writer(self)(self.to_python(value)))

    def parsed(self, value: Any) -> Any:
        """What a text of JSON stands for; any other value as it is."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise exceptions.ValidationError(
                "Enter valid JSON.", code="invalid"
            ) from error

    def json_formfield(self, **kwargs):
        """A form field of JSON, where there are no rows nor forms for the value."""
        from ..forms.fields import DocumentField as FormField

        return self.own_formfield(
            **{"form_class": FormField, "model_field": self, **kwargs}
        )

    def own_formfield(self, **kwargs):
        """As Field.formfield(), which would take no default for one."""
        return models.Field.formfield(
            self,
            **{"initial": self.get_default, "show_hidden_initial": False, **kwargs},
        )

    # --- lookups ---

    def get_lookup(self, lookup_name):
        if lookup_name not in self.lookup_names:
            return None
        return super().get_lookup(lookup_name)

    def class_lookups_has(self, name: str) -> bool:
        """Whether a name in a path is a transform of the whole value."""
        return super().get_transform(name) is not None

    def get_transform(self, lookup_name):
        from .paths import Path

        found = super().get_transform(lookup_name)
        if found is not None:
            return found
        found = self.step(lookup_name)
        return None if found is None else Path.factory(*found)

    # --- checks ---

    def check(self, **kwargs):
        found = super().check(**kwargs)
        found += self.problems(self)
        for field in self.item_fields():
            found += self.check_item(field)
        for name, asked in {
            "unique": self.unique,
            "primary_key": self.primary_key,
            "choices": self.choices,
            "db_index": self.db_index,
        }.items():
            if asked and not (name == "db_index" and self.unique):
                hint = "Add an index to Meta.indexes." if name == "db_index" else None
                found.append(
                    self.error(
                        f"A {type(self).__name__} takes no {name!r}.", "E001", hint
                    )
                )
        return found

    def error(self, message: str, number: str, hint: str | None = None):
        return checks.Error(
            message, hint=hint, obj=self, id=f"nonrel_backend.fields.{number}"
        )

    def check_item(self, field) -> list:
        if not isinstance(field, models.Field):
            return [
                self.error(
                    f"The item field is {field!r}, which is no field.",
                    "E002",
                    "Give an instance, as ListField(models.CharField()).",
                )
            ]
        if field.many_to_many or isinstance(
            field, (models.FileField, models.AutoField)
        ):
            return [
                self.error(
                    f"A {type(field).__name__} cannot be held in a collection.",
                    "E003",
                    "Hold the keys or the names instead.",
                )
            ]
        if field.remote_field:
            return [
                self.error(
                    f"A {type(field).__name__} cannot be an item by itself.",
                    "E004",
                    "Hold the keys, or an embedded model with the relation.",
                )
            ]
        if field.unique or field.db_index:
            return [
                self.error(
                    "An item field takes neither unique nor db_index.",
                    "E005",
                    "Add an index on the path to Meta.indexes.",
                )
            ]
        found = field.problems(self) if isinstance(field, DocumentField) else []
        for other in inner_fields(field):
            found += self.check_item(other)
        return found

    def problems(self, holder) -> list:
        """What is wrong with it, as an error of the column that holds it."""
        return []


# Fields that need a table: for its keys, or to tell files apart.
UNHELD = (models.FileField, models.AutoField)


def inner_fields(field) -> list[models.Field]:
    return field.item_fields() if isinstance(field, DocumentField) else []


def described_error(position: str, error) -> list[exceptions.ValidationError]:
    """The messages of an item's error, each with the item's place before it."""
    return [
        exceptions.ValidationError(
            f"{position}: {message}", code=getattr(error, "code", None) or "item"
        )
        for message in error.messages
    ]


DocumentField.register_lookup(IsNull)
