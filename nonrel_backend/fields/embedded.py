"""EmbeddedModelField: a value that is an embedded model."""

import copy
from typing import Any

from django.core import exceptions
from django.db import models
from django.utils.functional import cached_property

from ..documents.codec import optional
from .base import DocumentField
from .checks import check_embedded, embedded_within
from .model import EmbeddedModel, EmbeddedModelBase
from .registry import MODEL_KEY, EmbeddedApps, embedded_models


class EmbeddedModelField(DocumentField):
    """A value that is an EmbeddedModel.

    `embedded_model` is the class or its label; of an abstract one, any of its
    subclasses is allowed. Without it `models` lists those allowed. Where several are,
    the stored document names its model under "_model".

    `schema` is for migrations: {label: [(name, field), ...]} as it was.
    """

    description = "Embedded model"
    embeds = True

    def __init__(self, embedded_model=None, *, models=(), schema=None, **kwargs):
        self.embedded_model = embedded_model
        self.models = list(models)
        self.schema = schema
        for fields in (schema or {}).values():
            for _, field in fields:
                for inner in embedded_within(field):
                    inner.is_bare = True
        super().__init__(**kwargs)

    # Whether it is within a schema, which needs none of its own.
    is_bare = False

    # --- which models ---

    @cached_property
    def historical(self) -> EmbeddedApps:
        """The models of a migration's schema."""
        found = EmbeddedApps()
        for label, fields in self.schema.items():
            app_label, _, name = label.partition(".")
            meta = type("Meta", (), {"app_label": app_label, "apps": found})
            attrs = {name: field.clone() for name, field in fields}
            EmbeddedModelBase(
                name, (EmbeddedModel,), {"__module__": __name__, "Meta": meta, **attrs}
            )
        return found

    @property
    def registry(self) -> EmbeddedApps:
        if self.schema is not None:
            return self.historical
        return getattr(self, "own_registry", None) or embedded_models

    def named(self, model) -> Any:
        """The class of a class or label."""
        if self.schema is not None and not isinstance(model, str):
            model = model._meta.label
        if not isinstance(model, str):
            return model
        if "." not in model:
            owner = getattr(self, "owner_label", None) or (
                self.model._meta.app_label if hasattr(self, "model") else ""
            )
            model = f"{owner}.{model}"
        return self.registry.find(model)

    @cached_property
    def allowed(self) -> dict[str, Any]:
        """The models that a value may be of, by label."""
        if self.embedded_model is None:
            found = [self.named(each) for each in self.models]
        else:
            model = self.named(self.embedded_model)
            found = self.registry.subclasses(model) if model._meta.abstract else [model]
        return {model._meta.label: model for model in found}

    @property
    def is_polymorphic(self) -> bool:
        if self.embedded_model is None:
            return True
        model = self.embedded_model
        return not isinstance(model, str) and bool(model._meta.abstract)

    def embedded_models(self) -> list:
        return list(self.allowed.values())

    def contribute_to_class(self, cls, name, private_only=False):
        super().contribute_to_class(cls, name, private_only)
        adopt(self, cls)

    # --- migrations ---

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        model = self.embedded_model
        if model is not None and not self.is_polymorphic:
            args = [self.label_of(model), *args]
        else:
            labels = [self.label_of(each) for each in self.models]
            if self.embedded_model is not None:
                labels = sorted(self.allowed)
            kwargs["models"] = labels
        if self.schema is not None:
            kwargs["schema"] = self.schema
        elif not self.is_bare:
            kwargs["schema"] = schema_of(self)
        path = path.replace("nonrel_backend.fields.embedded.", "nonrel_backend.fields.")
        return name, path, args, kwargs

    def label_of(self, model) -> str:
        if not isinstance(model, str):
            return model._meta.label
        try:
            return self.named(model)._meta.label
        except LookupError:
            return model

    def clone(self):
        """Of a live field a live one: only migrations are given what was."""
        found = copy.copy(self)
        for known in ("allowed", "historical"):
            found.__dict__.pop(known, None)
        found.__dict__.pop("model", None)
        found.creation_counter = models.Field.creation_counter
        models.Field.creation_counter += 1
        return found

    # --- values ---

    def of_document(self, document: dict) -> Any:
        """The model of a document, or of a dictionary given in its place."""
        if not self.is_polymorphic:
            (model,) = self.allowed.values()
            return model
        label = document.get(MODEL_KEY)
        model = self.allowed.get(label)
        if model is None:
            raise exceptions.ValidationError(
                f"{label!r} is none of the models {', '.join(self.allowed)}.",
                code="invalid",
            )
        return model

    def to_python(self, value):
        value = self.parsed(value)
        if value is None:
            return None
        if isinstance(value, dict):
            return self.from_dict(value)
        if not isinstance(value, tuple(self.allowed.values())):
            raise exceptions.ValidationError(
                f"{value!r} is no {' or '.join(self.allowed)}.", code="invalid"
            )
        return value

    def from_dict(self, values: dict):
        model = self.of_document(values)
        found = {}
        errors = {}
        for field in model._meta.concrete_fields:
            names = (field.attname, field.name, field.column)
            key = next((each for each in names if each in values), None)
            if key is None:
                found[field.attname] = field.get_default()
                continue
            try:
                value = values[key]
                found[field.attname] = None if value is None else field.to_python(value)
            except exceptions.ValidationError as error:
                errors[field.name] = error.messages
        if errors:
            raise exceptions.ValidationError(flat(errors))
        return model(**found)

    def document_writer(self, codec):
        writers = {
            model: [
                (field.attname, field.column, codec.writer(field))
                for field in model._meta.concrete_fields
            ]
            for model in self.allowed.values()
        }
        polymorphic = self.is_polymorphic

        def write(value):
            model = type(value)
            document: dict[str, Any] = {}
            if polymorphic:
                document[MODEL_KEY] = model._meta.label
            for attname, column, convert in writers[model]:
                held = getattr(value, attname)
                if held is not None:
                    document[column] = convert(held)
            return document

        return write

    def document_reader(self, codec):
        readers = {
            model: [
                (field.column, optional(codec.reader(field)))
                for field in model._meta.concrete_fields
            ]
            for model in self.allowed.values()
        }

        def read(document):
            model = self.of_document(document)
            return model(
                *[convert(document.get(column)) for column, convert in readers[model]]
            )

        return read

    def validate(self, value, model_instance):
        super().validate(value, model_instance)
        if value is not None:
            try:
                value.full_clean()
            except exceptions.ValidationError as error:
                raise exceptions.ValidationError(flat(error.message_dict)) from error

    # --- lookups ---

    def step(self, name):
        found = [
            field
            for model in self.allowed.values()
            for field in model._meta.concrete_fields
            if name in (field.name, field.attname)
        ]
        if not found:
            return None
        leaf = found[0]
        if any(each.column != leaf.column for each in found):
            return None
        if len({type(each) for each in found}) > 1:
            raise exceptions.FieldError(
                f"{name} is of several types in {', '.join(self.allowed)}."
            )
        return (leaf.column,), leaf

    # --- checks ---

    def problems(self, holder):
        try:
            allowed = self.embedded_models()
        except LookupError as error:
            return [
                holder.error(
                    f"The embedded model cannot be found: {error}",
                    "E010",
                    "Embedded models are subclasses of EmbeddedModel.",
                )
            ]
        if not allowed:
            return [
                holder.error(
                    "No embedded model is allowed.",
                    "E011",
                    "Name one, or list them: EmbeddedModelField(models=[A, B]).",
                )
            ]
        seen: set = set()
        return [
            problem
            for model in allowed
            for problem in check_embedded(holder, model, seen)
        ]

    def formfield(self, within=(), **kwargs):
        from ..forms.fields import EmbeddedModelField as FormField

        allowed = self.embedded_models()
        if self.is_polymorphic or allowed[0] in within:
            return self.json_formfield(**kwargs)
        kwargs.pop("widget", None)
        options = {"embedded_model": allowed[0], "within": within}
        return self.own_formfield(**{"form_class": FormField, **options, **kwargs})


def adopt(field, owner) -> None:
    """Tell an embedded field, or those in a collection, whose model they are in."""
    if isinstance(field, EmbeddedModelField):
        field.owner_label = owner._meta.app_label
        if issubclass(owner, EmbeddedModel):
            field.own_registry = owner._meta.apps
    elif isinstance(field, DocumentField):
        for inner in field.item_fields():
            adopt(inner, owner)


def flat(errors: dict[str, list[str]]) -> list[str]:
    """Messages by field as a list, each with its field's name."""
    return [
        f"{name}: {message}" if name != exceptions.NON_FIELD_ERRORS else message
        for name, messages in errors.items()
        for message in messages
    ]


def schema_of(field: EmbeddedModelField) -> dict[str, list]:
    """{label: [(name, field)]} of all models that a field leads to."""
    found: dict[str, list] = {}
    waiting = [field]
    while waiting:
        try:
            reached = waiting.pop().embedded_models()
        except LookupError:
            continue
        for model in reached:
            if model._meta.label in found:
                continue
            fields = []
            for original in model._meta.concrete_fields:
                each = original.clone()
                for inner in embedded_within(each):
                    inner.is_bare = True
                    waiting.append(inner)
                fields.append((original.name, each))
            found[model._meta.label] = fields
    return dict(sorted(found.items()))
