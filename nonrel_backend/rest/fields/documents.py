"""The resource's fields for collections and embedded models."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import gettext, gettext_lazy

from ... import fields as model_fields
from ..exceptions import ApiFieldError, WrongValue
from .base import ApiField
from .kept import MODEL_KEY
from .models import options_of, register_field, registered_field
from .nested import (
    DictField,
    EmbeddedField,
    ListField,
    NestedField,
    SetField,
    attribute_of,
)


class EmbeddedModelField(EmbeddedField):
    """An embedded model.

    `find` returns the model, once all models are loaded. `within` are the models that
    the field is nested in.
    """

    def __init__(
        self,
        attribute: Any = None,
        *,
        find: Callable[[], Any],
        within: tuple[Any, ...] = (),
        **options: Any,
    ) -> None:
        self.find, self.within = find, within
        super().__init__(attribute, **options)

    @cached_property
    def model(self) -> Any:
        """The embedded model."""
        return self.find()

    @cached_property
    def fields(self) -> dict[str, ApiField]:
        """The fields of the embedded model."""
        way = (*self.within, self.model)
        found = {}
        for field in self.model._meta.concrete_fields:
            found[field.name] = part_field(field, field.attname, way)
            found[field.name].instance_name = field.name
        return found

    def clean(self, value: Any) -> Any:
        """Convert data as EmbeddedField does, with null for a value to be computed."""
        if isinstance(value, dict):
            computed = {name for name, each in self.fields.items() if each.readonly}
            value = {
                name: each
                for name, each in value.items()
                if each is not None or name not in computed
            }
        return super().clean(value)

    def with_computed(self, value: Any, old: Any, every: list[Any]) -> Any:
        if not isinstance(value, dict):
            return value
        found, mine = {}, old if type(old) is self.model else None
        for name, each in value.items():
            field = self.fields.get(name)
            before = getattr(mine, attribute_of(field, name), None) if field else None
            if isinstance(field, NestedField) and not field.readonly:
                each = field.with_computed(each, before, every)
            elif field is not None and field.readonly and each is not None:
                if not self.has_value(field, name, each, every):
                    if mine is None:
                        continue  # it is computed
                    each = None if before is None else field.convert(before)
            found[name] = each
        return found

    def has_value(
        self, field: ApiField, name: str, value: Any, every: list[Any]
    ) -> bool:
        """Return whether one of the models has a value in a field: it may be put back,
        also in another place.
        """
        try:
            wanted = field.clean(value)
        except ApiFieldError:
            return True  # clean() says what is wrong
        attribute = attribute_of(field, name)
        return any(
            type(each) is self.model and getattr(each, attribute) == wanted
            for each in every
        )

    @property
    def is_within_itself(self) -> bool:
        """Whether the model contains itself, so that its schema would not end."""
        return self.model in self.within

    def schema(self) -> dict[str, Any]:
        if self.is_within_itself:
            return ApiField.schema(self)
        return super().schema()

    def json_schema(self) -> dict[str, Any]:
        return {"type": "object"} if self.is_within_itself else super().json_schema()


class AnyModelField(NestedField):
    """One of several embedded models, which the data names.

    `find` returns the models by label, once all models are loaded.
    """

    dehydrated_type = "dict"
    help_text = gettext_lazy(
        'An object that names its model. Ex: {"_model": "app.Circle"}'
    )

    def __init__(
        self,
        attribute: Any = None,
        *,
        find: Callable[[], dict[str, Any]],
        within: tuple[Any, ...] = (),
        **options: Any,
    ) -> None:
        self.find, self.within = find, within
        super().__init__(attribute, **options)

    @cached_property
    def choices(self) -> dict[str, EmbeddedModelField]:
        """The field of each model, by the model's label."""
        return {
            label: EmbeddedModelField(
                find=partial(self.model_of, label), within=self.within
            )
            for label in self.find()
        }

    def model_of(self, label: str) -> Any:
        """Return the model with this label."""
        return self.find()[label]

    def part(self, name: str) -> ApiField | None:
        found = (field.part(name) for field in self.choices.values())
        return next((field for field in found if field is not None), None)

    def with_computed(self, value: Any, old: Any, every: list[Any]) -> Any:
        label = value.get(MODEL_KEY) if isinstance(value, dict) else None
        if not isinstance(label, str) or label not in self.choices:
            return value
        return self.choices[label].with_computed(value, old, every)

    def convert(self, value: Any) -> dict[str, Any]:
        label = value._meta.label
        return {MODEL_KEY: label, **self.choices[label].convert(value)}

    def clean(self, value: Any) -> dict[str, Any]:
        label = value.get(MODEL_KEY) if isinstance(value, dict) else None
        if not isinstance(label, str) or label not in self.choices:
            raise self.wrong(
                gettext("an object whose %(model_key)s is one of the allowed")
                % {"model_key": MODEL_KEY}
            )
        rest = {name: each for name, each in value.items() if name != MODEL_KEY}
        try:
            return {MODEL_KEY: label, **self.choices[label].clean(rest)}
        except WrongValue as error:
            path = ".".join(filter(None, (self.instance_name, error.path.strip("."))))
            raise WrongValue(path, error.text) from error

    def json_schema(self) -> dict[str, Any]:
        return {"type": "object"}


def part_field(
    model_field: Any, attribute: str | None, within: tuple[Any, ...]
) -> ApiField:
    """Return the field of a part of nested data."""
    if model_field.remote_field:
        found = part_field(model_field.target_field, attribute, within)
        found.null, found.blank = model_field.null, model_field.blank
        found.readonly, found.unique = False, False
        return found
    if isinstance(model_field, model_fields.EmbeddedModelField):
        return embedded(model_field, options_of(model_field), attribute, within)
    if hasattr(model_field, "item_field"):
        return collection(model_field, options_of(model_field), attribute, within)
    return registered_field(model_field, attribute or "")


def embedded(
    model_field: Any,
    options: dict[str, Any],
    attribute: Any = None,
    within: tuple[Any, ...] = (),
) -> ApiField:
    """Return the field for an embedded model."""
    options = {"attribute": attribute, **options}
    if model_field.is_polymorphic:
        return AnyModelField(find=lambda: model_field.allowed, within=within, **options)
    return EmbeddedModelField(
        find=lambda: next(iter(model_field.allowed.values())), within=within, **options
    )


COLLECTIONS: dict[type, Any] = {
    model_fields.DictField: DictField,
    model_fields.ListField: ListField,
    model_fields.SetField: SetField,
}


def collection(
    model_field: Any,
    options: dict[str, Any],
    attribute: Any = None,
    within: tuple[Any, ...] = (),
) -> ApiField:
    """Return the field for a list, a set or a dictionary."""
    of = None
    if not model_field.untyped:
        of = part_field(model_field.item_field, None, within)
    kind = next(kind for kind in COLLECTIONS if isinstance(model_field, kind))
    options = {"attribute": attribute, **options}
    if model_field.has_default() and not model_field.null:
        options["default"] = model_field.get_default
    return COLLECTIONS[kind](of=of, **options)


register_field(model_fields.EmbeddedModelField, embedded)
for each in COLLECTIONS:
    register_field(each, collection)
