"""Fields for lists, sets and dictionaries whose items belong to one field."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core import exceptions
from django.core.checks import CheckMessage
from django.db import models

from ..conditions import Step
from ..documents.codec import Codec, Convert, optional
from ..forms import fields as forms
from .base import DocumentField, Target, item_errors
from .raw import RawField
from .walking import set_owner

# Those that the admin's `search_fields` ask for. Other lookups of text are not among
# them, as `contains`, their companion, is about the whole collection.
ITEM_LOOKUPS = frozenset({"icontains", "iexact", "istartswith"})


class ItemsField(DocumentField):
    """The base of lists, sets and dictionaries: a field with an item field."""

    # Migrations import the fields from the package.
    module_path = "nonrel_backend.fields.collections."
    form_class: type[forms.ItemsField] = forms.ListField
    # The lookups that any item may satisfy.
    item_lookup_names: frozenset[str] = frozenset()

    def __init__(self, item_field: Any = None, **kwargs: Any) -> None:
        if isinstance(item_field, type) and issubclass(item_field, models.Field):
            item_field = item_field()
        self.item_field = RawField() if item_field is None else item_field
        self.untyped = item_field is None
        super().__init__(**kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        if not self.untyped:
            args = [self.item_field, *args]
        path = path.replace(self.module_path, "nonrel_backend.fields.")
        return name, path, args, kwargs

    def clone(self) -> "ItemsField":
        copied: ItemsField = super().clone()
        copied.item_field = self.item_field.clone()
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> "ItemsField":
        copied: ItemsField = super().__deepcopy__(memo)
        copied.item_field = self.item_field.clone()
        return copied

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False
    ) -> None:
        super().contribute_to_class(cls, name, private_only)
        set_owner(self, cls)

    def item_fields(self) -> list[models.Field]:
        return [self.item_field]

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name in self.item_lookup_names:
            return self.path_class.item_lookup(self.item_field, lookup_name)
        return super().get_lookup(lookup_name)

    @property
    def saves_inside(self) -> bool:  # type: ignore[override]
        return getattr(self.item_field, "saves_inside", False)

    def save_inside(self, value: Any) -> None:
        for _, item in self.labelled_items(value):
            if item is not None:
                self.item_field.save_inside(item)

    # --- values ---

    def labelled_items(self, value: Any) -> list[tuple[str, Any]]:
        """Return (label for error messages, item) of every item."""
        return [(f"Item {number}", item) for number, item in enumerate(value, 1)]

    def with_items(self, value: Any, items: list[Any]) -> Any:
        """Return a value like this one that has these items."""
        return self.empty(items)

    def map_items(self, value: Any, function: Callable[[Any], Any]) -> Any:
        """Return the value with `function` applied to every item.

        Raise one ValidationError for all items that are not valid.
        """
        items, errors = [], []
        for label, item in self.labelled_items(value):
            try:
                items.append(function(item))
            except exceptions.ValidationError as error:
                errors += item_errors(label, error)
        if errors:
            raise exceptions.ValidationError(errors)
        return self.with_items(value, items)

    def to_python(self, value: Any) -> Any:
        value = self.parsed(value)
        if value is None:
            return None
        self.validate_type(value)
        return self.map_items(value, self.item_to_python)

    def item_to_python(self, item: Any) -> Any:
        return None if item is None else self.item_field.to_python(item)

    def validate_type(self, value: Any) -> None:
        """Raise ValidationError if the value is not a collection of this kind."""
        if isinstance(value, (bytes, dict)) or not hasattr(value, "__iter__"):
            raise exceptions.ValidationError(
                f"{value!r} is not a list of values.", code="invalid"
            )

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        value = self.to_python(value)
        if value is not None:
            value = self.map_items(
                value, lambda item: self.item_field.clean(item, None)
            )
        self.validate(value, model_instance)
        self.run_validators(value)
        return value

    def formfield(
        self, within: Iterable[type[models.Model]] = (), **kwargs: Any
    ) -> Any:
        """Return a form field with a row for each item.

        `within` are the embedded models whose forms this field is inside of.
        """
        item = self.item_field
        options = {"within": within} if isinstance(item, DocumentField) else {}
        item_field = item.formfield(**options)
        if item_field is None:
            return self.json_formfield(**kwargs)
        kwargs.pop("widget", None)
        defaults = {"form_class": self.form_class, "item_field": item_field}
        return self.base_formfield(**{**defaults, **kwargs})


class ListField(ItemsField):
    """A list of values of `item_field`; without it, of any JSON values.

    `ordering` is a key function, as sorted() takes it; the list is sorted by it when
    it is saved.
    """

    description = "List"
    empty = list
    item_lookup_names = ITEM_LOOKUPS
    lookup_names = DocumentField.lookup_names | {
        "contains",
        "contained_by",
        "overlap",
        "len",
    }

    def __init__(
        self,
        item_field: Any = None,
        ordering: Callable[[Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.ordering = ordering
        super().__init__(item_field, **kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        if self.ordering is not None:
            kwargs["ordering"] = self.ordering
        return name, path, args, kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if self.ordering is not None and isinstance(value, (list, tuple)):
            value = sorted(value, key=self.ordering)
            setattr(model_instance, self.attname, value)
        return value

    def document_writer(self, codec: Codec) -> Convert:
        write = optional(codec.writer(self.item_field))
        return lambda value: [write(item) for item in value]

    def document_reader(self, codec: Codec) -> Convert:
        read = optional(codec.reader(self.item_field))
        return lambda document: [read(item) for item in document]

    def step(self, name: str) -> Target | None:
        if name.isdecimal():
            return (int(name),), self.item_field
        return each_step(self.item_field, name)


class SetField(ItemsField):
    """A set of values of `item_field`; it is stored as a list in a fixed order."""

    description = "Set"
    empty = set
    empty_values = [*models.Field.empty_values, set(), frozenset()]
    form_class = forms.SetField
    lookup_names = ListField.lookup_names
    item_lookup_names = ITEM_LOOKUPS

    def document_writer(self, codec: Codec) -> Convert:
        write = optional(codec.writer(self.item_field))
        return lambda value: sorted_items([write(item) for item in value])

    def document_reader(self, codec: Codec) -> Convert:
        read = optional(codec.reader(self.item_field))
        return lambda document: {read(item) for item in document}

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except TypeError as error:
            raise exceptions.ValidationError(
                f"A set cannot contain these values: {error}.", code="invalid"
            ) from error

    def step(self, name: str) -> Target | None:
        return None

    def check_item(self, field: Any) -> list[CheckMessage]:
        messages = super().check_item(field)
        if field is self.item_field and isinstance(field, DocumentField):
            messages.append(
                self.error(
                    f"A set cannot contain the values of a {type(field).__name__}.",
                    "nonrel_backend.E006",
                    "Use a ListField.",
                )
            )
        return messages


def sorted_items(items: list[Any]) -> list[Any]:
    """Return the items in an order that does not depend on the set's own."""
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=lambda item: (str(type(item)), repr(item)))


def each_step(field: models.Field, name: str) -> Target | None:
    """Return what `name` leads to in every item of a list, or None."""
    if not isinstance(field, DocumentField):
        return None
    target = field.step(name)
    if target is None:
        return None
    steps, leaf = target
    return (Step.EACH, *steps), leaf


class DictField(ItemsField):
    """A dictionary from strings to values of `item_field`; without it, to any JSON."""

    description = "Dictionary"
    empty = dict
    lookup_names = DocumentField.lookup_names | {"contains", "len"}
    form_class = forms.DictField

    def labelled_items(self, value: Any) -> list[tuple[str, Any]]:
        return list(value.items())

    def with_items(self, value: Any, items: list[Any]) -> Any:
        return dict(zip(value, items, strict=True))

    def validate_type(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise exceptions.ValidationError(
                f"{value!r} is not a dictionary.", code="invalid"
            )
        for key in value:
            if not isinstance(key, str):
                raise exceptions.ValidationError(
                    f"The key {key!r} is not a string.", code="invalid"
                )

    def document_writer(self, codec: Codec) -> Convert:
        write = optional(codec.writer(self.item_field))
        return lambda value: {str(key): write(item) for key, item in value.items()}

    def document_reader(self, codec: Codec) -> Convert:
        read = optional(codec.reader(self.item_field))
        return lambda document: {key: read(item) for key, item in document.items()}

    def step(self, name: str) -> Target | None:
        return (name,), self.item_field
