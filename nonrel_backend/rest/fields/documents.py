"""The fields of collections and embedded models, of those of a model."""

from typing import Any

from django.utils.functional import cached_property

from ... import fields as documents
from .. import fields
from ..exceptions import WrongValue
from .base import ApiField
from .models import api_field, options_of, register_field
from .nested import NestedField

# What names the model, where several are allowed.
MODEL_KEY = "_model"


class EmbeddedModelField(fields.EmbeddedField):
    """An embedded model: `find` gives it once all models are there."""

    def __init__(self, attribute=None, find=None, within: tuple = (), **options):
        self.find, self.within = find, within
        super().__init__(attribute, **options)

    @cached_property
    def model(self) -> Any:
        return self.find()

    @cached_property
    def fields(self) -> dict[str, ApiField]:
        way = (*self.within, self.model)
        found = {}
        for field in self.model._meta.concrete_fields:
            found[field.name] = part_field(field, field.attname, way)
            found[field.name].instance_name = field.name
        return found

    @property
    def is_within_itself(self) -> bool:
        return self.model in self.within

    def schema(self):
        if self.is_within_itself:  # it would not end
            return ApiField.schema(self)
        return super().schema()

    def json_schema(self):
        return {"type": "object"} if self.is_within_itself else super().json_schema()


class AnyModelField(NestedField):
    """One of several embedded models, which the data names."""

    dehydrated_type = "dict"
    help_text = 'An object that names its model. Ex: {"_model": "app.Circle"}'

    def __init__(self, attribute=None, find=None, within: tuple = (), **options):
        self.find, self.within = find, within
        super().__init__(attribute, **options)

    @cached_property
    def choices(self) -> dict[str, EmbeddedModelField]:
        """The field of each, by the model's label."""
        return {
            label: EmbeddedModelField(
                find=lambda found=model: found, within=self.within
            )
            for label, model in self.find().items()
        }

    def part(self, name):
        found = (field.part(name) for field in self.choices.values())
        return next((field for field in found if field is not None), None)

    def convert(self, value):
        label = value._meta.label
        return {MODEL_KEY: label, **self.choices[label].convert(value)}

    def clean(self, value):
        label = value.get(MODEL_KEY) if isinstance(value, dict) else None
        if not isinstance(label, str) or label not in self.choices:
            raise self.wrong(f"an object whose {MODEL_KEY} is one of its models")
        rest = {name: each for name, each in value.items() if name != MODEL_KEY}
        try:
            return {MODEL_KEY: label, **self.choices[label].clean(rest)}
        except WrongValue as error:
            path = ".".join(filter(None, (self.instance_name, error.path.strip("."))))
            raise WrongValue(path, error.text) from error

    def json_schema(self):
        return {"type": "object"}


def part_field(model_field: Any, attribute: str | None, within: tuple) -> ApiField:
    """The field of a part of a document."""
    if model_field.remote_field:
        found = part_field(model_field.target_field, attribute, within)
        found.null, found.blank = model_field.null, model_field.blank
        found.readonly, found.unique = False, False
        return found
    if isinstance(model_field, documents.EmbeddedModelField):
        return embedded(model_field, options_of(model_field), attribute, within)
    if hasattr(model_field, "item_field"):
        return items(model_field, options_of(model_field), attribute, within)
    return api_field(model_field, attribute or "")


def embedded(
    model_field: Any, options: dict[str, Any], attribute: Any = None, within: tuple = ()
) -> ApiField:
    options = {"attribute": attribute, **options}
    if model_field.is_polymorphic:
        return AnyModelField(find=lambda: model_field.allowed, within=within, **options)
    return EmbeddedModelField(
        find=lambda: next(iter(model_field.allowed.values())), within=within, **options
    )


COLLECTIONS: dict[type, type] = {
    documents.DictField: fields.DictField,
    documents.ListField: fields.ListField,
    documents.SetField: fields.SetField,
}


def items(
    model_field: Any, options: dict[str, Any], attribute: Any = None, within: tuple = ()
) -> ApiField:
    """A list, set or dictionary of what the item field says."""
    of = None
    if not model_field.untyped:
        of = part_field(model_field.item_field, None, within)
    kind = next(kind for kind in COLLECTIONS if isinstance(model_field, kind))
    options = {"attribute": attribute, **options}
    if model_field.has_default() and not model_field.null:
        options["default"] = model_field.get_default
    return COLLECTIONS[kind](of=of, **options)


register_field(documents.EmbeddedModelField, embedded)
for each in COLLECTIONS:
    register_field(each, items)
