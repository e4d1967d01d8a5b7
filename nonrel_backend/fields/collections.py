"""Lists, sets and dictionaries of values of one field."""

from typing import Any

from django.core import exceptions
from django.db import models

from ..conditions import Step
from ..documents.codec import optional
from .base import DocumentField, described_error
from .embedded import adopt
from .raw import RawField

# Where migrations find the fields.
OWN_PATH = "nonrel_backend.fields."


class ItemsField(DocumentField):
    """What lists, sets and dictionaries share: an item field."""

    def __init__(self, item_field=None, **kwargs):
        if isinstance(item_field, type) and issubclass(item_field, models.Field):
            item_field = item_field()
        self.item_field = RawField() if item_field is None else item_field
        self.untyped = item_field is None
        super().__init__(**kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        if not self.untyped:
            args = [self.item_field, *args]
        path = path.replace("nonrel_backend.fields.collections.", OWN_PATH)
        return name, path, args, kwargs

    def clone(self):
        found = super().clone()
        found.item_field = self.item_field.clone()
        return found

    def __deepcopy__(self, memo):
        found = super().__deepcopy__(memo)
        found.item_field = self.item_field.clone()
        return found

    def contribute_to_class(self, cls, name, private_only=False):
        super().contribute_to_class(cls, name, private_only)
        adopt(self, cls)

    def item_fields(self):
        return [self.item_field]

    def places(self, value) -> list[tuple[str, Any]]:
        """(its place for people, item) of every item."""
        return [(f"Item {number}", item) for number, item in enumerate(value, 1)]

    def rebuilt(self, value, items: list):
        """A value like this one of other items."""
        return self.empty(items)

    def to_python(self, value):
        value = self.parsed(value)
        if value is None:
            return None
        self.check_kind(value)
        return self.rebuilt(value, self.each(value, self.item_to_python))

    def item_to_python(self, item):
        return None if item is None else self.item_field.to_python(item)

    def each(self, value, change) -> list:
        """`change` of every item; one ValidationError for all items at fault."""
        found, errors = [], []
        for place, item in self.places(value):
            try:
                found.append(change(item))
            except exceptions.ValidationError as error:
                errors += described_error(place, error)
        if errors:
            raise exceptions.ValidationError(errors)
        return found

    def check_kind(self, value) -> None:
        if isinstance(value, (bytes, dict)) or not hasattr(value, "__iter__"):
            raise exceptions.ValidationError(
                f"{value!r} is no list of values.", code="invalid"
            )

    def clean(self, value, model_instance):
        value = self.to_python(value)
        if value is not None:
            value = self.rebuilt(
                value,
                self.each(value, lambda item: self.item_field.clean(item, None)),
            )
        self.validate(value, model_instance)
        self.run_validators(value)
        return value

    def formfield(self, within=(), **kwargs):
        from ..forms import fields as forms

        item = self.item_field
        options = {"within": within} if isinstance(item, DocumentField) else {}
        item_field = item.formfield(**options)
        if item_field is None:
            return self.json_formfield(**kwargs)
        form_class = getattr(forms, self.form_class_name)
        kwargs.pop("widget", None)
        return self.own_formfield(
            **{"form_class": form_class, "item_field": item_field, **kwargs}
        )

    form_class_name = "ListField"


class ListField(ItemsField):
    """A list of values of `item_field`, any JSON values without one.

    `ordering` is a key, as sorted() takes it, by which the list is sorted when saved.
    """

    description = "List"
    empty = list
    lookup_names = DocumentField.lookup_names | {
        "contains",
        "contained_by",
        "overlap",
        "len",
    }

    def __init__(self, item_field=None, ordering=None, **kwargs):
        self.ordering = ordering
        super().__init__(item_field, **kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        if self.ordering is not None:
            kwargs["ordering"] = self.ordering
        return name, path, args, kwargs

    def pre_save(self, model_instance, add):
        value = super().pre_save(model_instance, add)
        if self.ordering is not None and isinstance(value, (list, tuple)):
            value = sorted(value, key=self.ordering)
            setattr(model_instance, self.attname, value)
        return value

    def document_writer(self, codec):
        item = optional(codec.writer(self.item_field))
        return lambda value: [item(each) for each in value]

    def document_reader(self, codec):
        item = optional(codec.reader(self.item_field))
        return lambda document: [item(each) for each in document]

    def step(self, name):
        if name.isdecimal():
            return (int(name),), self.item_field
        return each_step(self.item_field, name)


class SetField(ItemsField):
    """A set of values of `item_field`, stored as a list without an order of its own."""

    description = "Set"
    empty = set
    empty_values = [*models.Field.empty_values, set(), frozenset()]
    form_class_name = "SetField"
    lookup_names = ListField.lookup_names

    def document_writer(self, codec):
        item = optional(codec.writer(self.item_field))
        return lambda value: sorted_items([item(each) for each in value])

    def document_reader(self, codec):
        item = optional(codec.reader(self.item_field))
        return lambda document: {item(each) for each in document}

    def to_python(self, value):
        try:
            return super().to_python(value)
        except TypeError as error:
            raise exceptions.ValidationError(
                f"A set cannot hold these values: {error}.", code="invalid"
            ) from error

    def step(self, name):
        return None

    def check_item(self, field):
        found = super().check_item(field)
        if field is self.item_field and isinstance(field, DocumentField):
            found.append(
                self.error(
                    f"A set cannot hold the values of a {type(field).__name__}.",
                    "E006",
                    "Use a ListField.",
                )
            )
        return found


def sorted_items(items: list) -> list:
    """Each item once, in an order that does not depend on the set."""
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=lambda item: (str(type(item)), repr(item)))


def each_step(field, name: str):
    """The step into every item of a list."""
    if not isinstance(field, DocumentField):
        return None
    found = field.step(name)
    if found is None:
        return None
    steps, leaf = found
    return (Step.EACH, *steps), leaf


class DictField(ItemsField):
    """A dictionary of texts to values of `item_field`, any JSON values without one."""

    description = "Dictionary"
    empty = dict
    lookup_names = DocumentField.lookup_names | {"contains", "len"}
    form_class_name = "DictField"

    def places(self, value):
        return list(value.items())

    def rebuilt(self, value, items):
        return dict(zip(value, items, strict=True))

    def check_kind(self, value):
        if not isinstance(value, dict):
            raise exceptions.ValidationError(
                f"{value!r} is no dictionary.", code="invalid"
            )
        for key in value:
            if not isinstance(key, str):
                raise exceptions.ValidationError(
                    f"The key {key!r} is no text.", code="invalid"
                )

    def document_writer(self, codec):
        item = optional(codec.writer(self.item_field))
        return lambda value: {str(key): item(each) for key, each in value.items()}

    def document_reader(self, codec):
        item = optional(codec.reader(self.item_field))
        return lambda document: {key: item(each) for key, each in document.items()}

    def step(self, name):
        return (name,), self.item_field
