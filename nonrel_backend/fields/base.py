"""DocumentField: what all fields that hold documents share."""

import copy
import json
from typing import Any, ClassVar, TypeAlias

from django.core import checks, exceptions
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.lookups import IsNull

from ..conditions import Step
from ..documents import codec
from ..documents.codec import Codec, Convert
from ..documents.databases import require_app
from ..forms import fields as forms
from ..values.wrappers import Document

# What one name in a path leads to: the steps, and the field of the values there.
Target: TypeAlias = tuple[tuple[str | int | Step, ...], models.Field]


class DocumentField(models.Field):
    """A column whose value is a collection or an embedded model.

    A subclass converts its values to documents and back (`document_writer`,
    `document_reader`), resolves names in paths (`step`) and lists the fields of the
    values inside it (`item_fields`).
    """

    empty_strings_allowed = False
    # Makes the default where none is given; None for no such default.
    empty: Any = None
    # Whether it holds an embedded model, in which NULL is stored as a missing key.
    embeds = False
    # The lookups on the whole value.
    lookup_names = frozenset({"exact", "isnull", "in"})
    # The transform for a path through the field. Paths are built on the fields, so
    # paths.py sets it.
    path_class: ClassVar[Any]

    # --- for subclasses ---

    def document_writer(self, codec: Codec) -> Convert:
        """Return the function that converts a value, not None, to a document."""
        raise NotImplementedError

    def document_reader(self, codec: Codec) -> Convert:
        """Return the function that converts a document, not None, to a value."""
        raise NotImplementedError

    def step(self, name: str) -> Target | None:
        """Return the steps and the field that `name` leads to in a path, or None."""
        return None

    def item_fields(self) -> list[models.Field]:
        """Return the fields of the values inside this one's value."""
        return []

    # Whether values inside may change when the row is saved.
    saves_inside = False

    def save_inside(self, value: Any) -> None:
        """Call `pre_save()` of the fields of the embedded models in a value."""

    # --- the column ---

    def get_internal_type(self) -> str:
        return "DocumentField"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        require_app(connection)
        types = connection.data_types
        kind: str = types.get("DocumentField") or types["TextField"]
        return kind

    def rel_db_type(self, connection: BaseDatabaseWrapper) -> str:
        return self.db_type(connection)

    def has_default(self) -> bool:
        return super().has_default() or (self.empty is not None and not self.null)

    def get_default(self) -> Any:
        """Return a default that instances do not share."""
        if super().has_default():
            default = self.default
            return default() if callable(default) else copy.deepcopy(default)
        return None if self.null or self.empty is None else self.empty()

    # --- values ---

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if hasattr(value, "for_field"):
            # A Change, of updates.py, which is built on this module.
            return value.for_field(self)
        if not self.saves_inside or hasattr(value, "resolve_expression"):
            return value
        value = self.to_python(value)
        if value is not None:
            self.save_inside(value)
        setattr(model_instance, self.attname, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return self.to_python(value)

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        if not prepared:
            value = self.get_prep_value(value)
        if value is None or hasattr(value, "as_sql"):
            return value
        if codec.stores_documents(connection):
            return Document(self, value, connection)
        return codec.to_text(self, value, connection)

    def stored_document(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return a value as lists and dictionaries of the store's own types."""
        return codec.codec_of(connection).writer(self)(value)

    def document_text(self, value: Any, connection: BaseDatabaseWrapper) -> str:
        """Return a value as the JSON text that SQL and the local engine hold."""
        return codec.to_text(self, value, connection)

    def from_db_value(
        self, value: Any, expression: Any, connection: BaseDatabaseWrapper
    ) -> Any:
        if value is None:
            return None
        if isinstance(value, str):  # from SQL: no store has a string for a document
            return codec.from_text(self, value, connection)
        try:
            return codec.codec_of(connection).reader(self)(value)
        except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
            raise codec.unreadable(self, value, connection, error) from error

    def value_to_string(self, obj: models.Model) -> str | None:
        value = self.value_from_object(obj)
        if value is None:
            return None
        return json.dumps(codec.portable.writer(self)(self.to_python(value)))

    def parsed(self, value: Any) -> Any:
        """Return the value of a JSON text, and any other value unchanged.

        Raise ValidationError for a text that is not JSON.
        """
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise exceptions.ValidationError(
                "Enter valid JSON.", code="invalid"
            ) from error

    # --- forms ---

    def json_formfield(self, **kwargs: Any) -> Any:
        """Return a form field that edits the value as JSON."""
        defaults = {"form_class": forms.DocumentField, "model_field": self}
        return self.base_formfield(**{**defaults, **kwargs})

    def base_formfield(self, **kwargs: Any) -> Any:
        """Return Field.formfield() with a new default for every form.

        Django would show a callable default as a hidden field and compare with that.
        """
        defaults = {"initial": self.get_default, "show_hidden_initial": False}
        return models.Field.formfield(self, **{**defaults, **kwargs})

    # --- lookups ---

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name not in self.lookup_names:
            return None
        return super().get_lookup(lookup_name)

    def has_transform(self, name: str) -> bool:
        """Return whether `name` is a transform of the whole value, not of a path."""
        return super().get_transform(name) is not None

    def get_transform(self, lookup_name: str) -> Any:
        transform = super().get_transform(lookup_name)
        if transform is not None:
            return transform
        target = self.step(lookup_name)
        return None if target is None else self.path_class.factory(*target)

    # --- system checks ---

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        messages: list[checks.CheckMessage] = super().check(**kwargs)
        messages += self.check_content(self)
        for field in self.item_fields():
            messages += self.check_item(field)
        for name, is_set in {
            "unique": self.unique,
            "primary_key": self.primary_key,
            "choices": self.choices,
            "db_index": self.db_index,
        }.items():
            if is_set and not (name == "db_index" and self.unique):
                messages.append(
                    self.error(
                        f"{type(self).__name__} does not support {name!r}.",
                        "nonrel_backend.E001",
                        "Add an index to Meta.indexes." if name == "db_index" else None,
                    )
                )
        return messages

    def error(self, message: str, id: str, hint: str | None = None) -> checks.Error:
        """Return a system check error of this field."""
        return checks.Error(message, hint=hint, obj=self, id=id)

    def check_item(self, field: Any) -> list[checks.CheckMessage]:
        """Check an item field, at any depth; the messages are about this field."""
        if not isinstance(field, models.Field):
            return [
                self.error(
                    f"The item field {field!r} is not a field instance.",
                    "nonrel_backend.E002",
                    "Give an instance, as in ListField(models.CharField()).",
                )
            ]
        if field.many_to_many or isinstance(
            field, (models.FileField, models.AutoField)
        ):
            return [
                self.error(
                    f"A {type(field).__name__} cannot be an item field.",
                    "nonrel_backend.E003",
                    "Store the keys or the file names instead.",
                )
            ]
        if field.remote_field:
            return [
                self.error(
                    f"A {type(field).__name__} cannot be an item field.",
                    "nonrel_backend.E004",
                    "Store the keys, or an embedded model that has the relation.",
                )
            ]
        if field.unique or field.db_index:
            return [
                self.error(
                    "An item field supports neither 'unique' nor 'db_index'.",
                    "nonrel_backend.E005",
                    "Add an index on the path to Meta.indexes.",
                )
            ]
        if not isinstance(field, DocumentField):
            return []
        messages = field.check_content(self)
        for inner in field.item_fields():
            messages += self.check_item(inner)
        return messages

    def check_content(self, holder: "DocumentField") -> list[checks.CheckMessage]:
        """Check what the field holds; the messages are about `holder`, the column."""
        return []


def item_errors(
    position: str, error: exceptions.ValidationError
) -> list[exceptions.ValidationError]:
    """Return the errors of one item, each message beginning with its position."""
    return [
        exceptions.ValidationError(
            f"{position}: {message}", code=getattr(error, "code", None) or "item"
        )
        for message in error.messages
    ]


DocumentField.register_lookup(IsNull)
