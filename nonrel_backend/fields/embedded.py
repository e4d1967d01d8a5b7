"""EmbeddedModelField: a column whose value is an embedded model."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from django.core import exceptions
from django.core.checks import CheckMessage
from django.db import DataError, models
from django.utils.functional import cached_property

from ..documents.altering import FieldValues
from ..documents.codec import Codec, Convert, given_source, optional
from ..documents.sources import Keys, SourcedDict
from ..forms import fields as forms
from .base import DocumentField, Target
from .checks import check_embedded
from .model import EmbeddedModel, EmbeddedModelBase
from .registry import MODEL_KEY, EmbeddedApps, embedded_models
from .walking import embedded_fields, fields_to_save, schema_of, set_owner


class EmbeddedModelField(DocumentField):
    """A value that is an EmbeddedModel.

    `embedded_model` is the class or its label. If the class is abstract, its subclasses
    are allowed. Without it, `models` lists the classes or labels that are allowed. A
    document that may be of several models has its model's label under "_model".

    `schema` is for migrations: {label: [(name, field), ...]}, the models as they were.
    """

    description = "Embedded model"
    embeds = True
    # Whether the field is inside another's schema, and deconstructs without its own.
    in_schema = False

    def __init__(
        self,
        embedded_model: Any = None,
        *,
        models: Iterable[Any] = (),
        schema: Mapping[str, list[tuple[str, Any]]] | None = None,
        **kwargs: Any,
    ) -> None:
        self.embedded_model = embedded_model
        self.models = list(models)
        self.schema = schema
        for fields in (schema or {}).values():
            for _, field in fields:
                for inner in embedded_fields(field):
                    inner.in_schema = True
        super().__init__(**kwargs)

    # --- the allowed models ---

    @cached_property
    def historical(self) -> EmbeddedApps:
        """The models of the migration's schema."""
        registry = EmbeddedApps()
        for label, fields in (self.schema or {}).items():
            app_label, _, name = label.partition(".")
            meta = type("Meta", (), {"app_label": app_label, "apps": registry})
            attrs = {name: field.clone() for name, field in fields}
            EmbeddedModelBase(
                name, (EmbeddedModel,), {"__module__": __name__, "Meta": meta, **attrs}
            )
        return registry

    @property
    def registry(self) -> EmbeddedApps:
        if self.schema is not None:
            historical: EmbeddedApps = self.historical
            return historical
        return getattr(self, "own_registry", None) or embedded_models

    def find_model(self, model: Any) -> Any:
        """Return the class for a class or label.

        Raise LookupError if no model has the label.
        """
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
        """The models that a value may belong to, by label."""
        if self.embedded_model is None:
            found = [self.find_model(each) for each in self.models]
        else:
            model = self.find_model(self.embedded_model)
            found = self.registry.subclasses(model) if model._meta.abstract else [model]
        return {model._meta.label: model for model in found}

    @property
    def is_polymorphic(self) -> bool:
        """Whether values may be of several models."""
        if self.embedded_model is None:
            return True
        model = self.embedded_model
        return not isinstance(model, str) and bool(model._meta.abstract)

    def embedded_models(self) -> list[Any]:
        return list(self.allowed.values())

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False
    ) -> None:
        super().contribute_to_class(cls, name, private_only)
        set_owner(self, cls)

    @cached_property
    def to_save(self) -> dict[Any, list[Any]]:
        """The fields of each model whose values a save may change."""
        found = {model: fields_to_save(model) for model in self.allowed.values()}
        return {model: fields for model, fields in found.items() if fields}

    @property
    def saves_inside(self) -> bool:  # type: ignore[override]
        return bool(self.to_save)

    def save_inside(self, value: Any) -> None:
        """Call `pre_save()` of the model's fields.

        An instance is added if it was not read. What is filled by that, as by
        auto_now_add, is left alone where it has a value.
        """
        added = value._state.adding
        for field in self.to_save.get(type(value), ()):
            empty = getattr(value, field.attname) is None
            setattr(value, field.attname, field.pre_save(value, added and empty))
        value._state.adding = False

    # --- migrations ---

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
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
        elif not self.in_schema:
            kwargs["schema"] = schema_of(self)
        path = path.replace("nonrel_backend.fields.embedded.", "nonrel_backend.fields.")
        return name, path, args, kwargs

    def label_of(self, model: Any) -> str:
        if isinstance(model, str):
            try:
                model = self.find_model(model)
            except LookupError:
                return str(model)
        label: str = model._meta.label
        return label

    def clone(self) -> "EmbeddedModelField":
        """Return a copy that refers to the live models, as this field does.

        Field.clone() would deconstruct the field, which writes down the schema.
        """
        copied = copy.copy(self)
        for name in ("allowed", "historical", "model", "to_save"):
            copied.__dict__.pop(name, None)
        copied.creation_counter = models.Field.creation_counter
        models.Field.creation_counter += 1
        return copied

    # --- values ---

    def model_for(self, document: dict[str, Any]) -> Any:
        """Return the model of a document, or of a dictionary given as a value.

        Raise ValidationError if it names a model that is not allowed.
        """
        if not self.is_polymorphic:
            (model,) = self.allowed.values()
            return model
        label = document.get(MODEL_KEY)
        if label not in self.allowed:
            raise exceptions.ValidationError(
                f"{label!r} is not one of the models {', '.join(self.allowed)}.",
                code="invalid",
            )
        return self.allowed[label]

    def to_python(self, value: Any) -> Any:
        value = self.parsed(value)
        if value is None:
            return None
        if isinstance(value, dict):
            return self.from_dict(value)
        if not isinstance(value, tuple(self.allowed.values())):
            raise exceptions.ValidationError(
                f"{value!r} is not a {' or '.join(self.allowed)}.", code="invalid"
            )
        return value

    def from_dict(self, values: dict[Any, Any]) -> EmbeddedModel:
        """Return the model of {field name, attname or column: value}.

        Missing fields get their defaults. JSON values of other names are kept. Raise
        one ValidationError for all values that are not valid.
        """
        model = self.model_for(values)
        found = {}
        errors = {}
        columns = {MODEL_KEY: MODEL_KEY} if self.is_polymorphic else {}
        old = values if isinstance(values, FieldValues) else None
        source = values.source if isinstance(values, SourcedDict) else None
        for field in model._meta.concrete_fields:
            names = (field.attname, field.name, field.column)
            columns.update(dict.fromkeys(names, field.column))
            key = next((each for each in names if each in values), None)
            try:
                if old is not None and field.column in old.others:
                    value = old.other(field)
                elif key is None:
                    value = field.get_default()
                else:
                    value = values[key]
                    value = None if value is None else field.to_python(value)
                found[field.attname] = value
            except exceptions.ValidationError as error:
                errors[field.name] = error.messages
        is_sourced = isinstance(values, SourcedDict)
        if not (is_sourced or values.keys() <= columns.keys()):
            try:
                source = given_source(values, columns)
            except DataError as error:
                errors[exceptions.NON_FIELD_ERRORS] = [str(error)]
        if errors:
            raise exceptions.ValidationError(labelled_messages(errors))
        instance: EmbeddedModel = model(**found)
        instance._source = source
        return instance

    def keys(self, codec: Codec) -> dict[Any, Keys]:
        """Return the keys of the documents of each model."""
        first = [MODEL_KEY] if self.is_polymorphic else []
        return {
            model: codec.keys(
                [*first, *(f.column for f in model._meta.concrete_fields if f.column)]
            )
            for model in self.allowed.values()
        }

    def document_writer(self, codec: Codec) -> Convert:
        writers = {
            model: [
                (field.attname, field.column, codec.writer(field))
                for field in model._meta.concrete_fields
            ]
            for model in self.allowed.values()
        }
        polymorphic = self.is_polymorphic

        def write(instance: Any) -> dict[str, Any]:
            model = type(instance)
            document: dict[str, Any] = {}
            if polymorphic:
                document[MODEL_KEY] = model._meta.label
            for attname, column, convert in writers[model]:
                value = getattr(instance, attname)
                if value is not None:
                    document[column] = convert(value)
            if instance._source is None:
                return document
            return codec.with_source(document, instance._source)

        return write

    def document_reader(self, codec: Codec) -> Convert:
        readers = {
            model: [
                (field.column, optional(codec.reader(field)))
                for field in model._meta.concrete_fields
            ]
            for model in self.allowed.values()
        }
        keys = self.keys(codec)
        form, to_save = codec.form, self.to_save

        def read(document: dict[str, Any]) -> Any:
            model = self.model_for(document)
            instance = model(
                *[convert(document.get(column)) for column, convert in readers[model]]
            )
            source = keys[model].source(document, form)
            if source is not None:
                instance._source = source
            if model in to_save:
                instance._state.adding = False
            return instance

        return read

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        super().validate(value, model_instance)
        if value is not None:
            try:
                value.full_clean()
            except exceptions.ValidationError as error:
                raise exceptions.ValidationError(
                    labelled_messages(error.message_dict)
                ) from error

    # --- lookups ---

    def step(self, name: str) -> Target | None:
        """Return what the field `name` of the allowed models leads to.

        Raise FieldError if the models have fields of different types by that name.
        """
        found = [
            field
            for model in self.allowed.values()
            for field in model._meta.concrete_fields
            if name in (field.name, field.attname)
        ]
        if not found:
            return None
        leaf = found[0]
        if any(field.column != leaf.column for field in found):
            return None
        if len({type(field) for field in found}) > 1:
            raise exceptions.FieldError(
                f"The field {name!r} has different types in {', '.join(self.allowed)}."
            )
        return (leaf.column,), leaf

    # --- system checks ---

    def check_content(self, holder: DocumentField) -> list[CheckMessage]:
        try:
            allowed = self.embedded_models()
        except LookupError as error:
            return [
                holder.error(
                    f"The embedded model cannot be found: {error}",
                    "nonrel_backend.E010",
                    "Name a subclass of nonrel_backend.fields.EmbeddedModel.",
                )
            ]
        if not allowed:
            return [
                holder.error(
                    "The field allows no embedded model.",
                    "nonrel_backend.E011",
                    "Name one, or list them: EmbeddedModelField(models=[A, B]).",
                )
            ]
        seen: set[Any] = set()
        return [
            message
            for model in allowed
            for message in check_embedded(holder, model, seen)
        ]

    def formfield(
        self, within: Iterable[type[models.Model]] = (), **kwargs: Any
    ) -> Any:
        """Return a form field that shows the model's form within the form.

        It edits JSON if several models are allowed, or if it is inside a form of its
        own model. `within` are the models whose forms it is inside of.
        """
        allowed = self.embedded_models()
        if self.is_polymorphic or allowed[0] in within:
            return self.json_formfield(**kwargs)
        kwargs.pop("widget", None)
        defaults = {
            "form_class": forms.EmbeddedModelField,
            "embedded_model": allowed[0],
            "within": within,
        }
        return self.base_formfield(**{**defaults, **kwargs})


def labelled_messages(errors: dict[str, list[str]]) -> list[str]:
    """Return the messages of all fields, each beginning with its field's name."""
    return [
        f"{name}: {message}" if name != exceptions.NON_FIELD_ERRORS else message
        for name, messages in errors.items()
        for message in messages
    ]
