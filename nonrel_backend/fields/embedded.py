"""Models that are values: embedded in a column of another, with no table."""

import copy
from typing import Any

from django.core import exceptions
from django.db import NotSupportedError, models
from django.db.models.base import ModelBase
from django.utils.functional import cached_property

from ..documents.codec import optional
from .base import DocumentField
from .registry import EmbeddedApps, embedded_models

# The key under which a document says which of several models it is of.
MODEL_KEY = "_model"


class NoKey(models.Field):
    """Stands where Django wants a primary key: no column and no value."""

    def __init__(self, **kwargs):
        super().__init__(
            primary_key=True, editable=False, blank=True, serialize=False, null=False
        )

    def get_attname_column(self):
        return self.get_attname(), None

    def contribute_to_class(self, cls, name, private_only=False):
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, name, None)

    def check(self, **kwargs):
        return []


class NoTable(models.Manager):
    """What `objects` of an embedded model is."""

    def get_queryset(self):
        raise NotSupportedError(
            f"{self.model.__name__} has no table: it is embedded in other models. Ask "
            "the model that has the EmbeddedModelField."
        )


class EmbeddedModelBase(ModelBase):
    """Puts embedded models into their own registry."""

    def __new__(cls, name, bases, attrs, **kwargs):
        if not any(isinstance(base, EmbeddedModelBase) for base in bases):
            return super().__new__(cls, name, bases, attrs, **kwargs)
        meta = attrs.get("Meta")
        if meta is None:
            inherited = [
                base.Meta for base in bases if getattr(base, "Meta", None) is not None
            ]
            meta = type("Meta", tuple(inherited[:1]), {})
            meta.abstract = False
        if not hasattr(meta, "apps") or meta.apps is None:
            meta = type("Meta", (meta,), {"apps": embedded_models})
        attrs["Meta"] = meta
        for field in attrs.values():
            if isinstance(field, models.ForeignKey):
                # The other side cannot find what is embedded.
                field.remote_field.related_name = "+"
        return super().__new__(cls, name, bases, attrs, **kwargs)


class EmbeddedModel(models.Model, metaclass=EmbeddedModelBase):
    """Base of models that are embedded in others by an EmbeddedModelField."""

    no_key = NoKey()
    objects = NoTable()

    class Meta:
        abstract = True
        apps = embedded_models

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return all(
            getattr(self, field.attname) == getattr(other, field.attname)
            for field in self._meta.concrete_fields
        )

    # A value that changes has no place in a set.
    __hash__ = None  # type: ignore[assignment]

    def __str__(self):
        values = (getattr(self, each.attname) for each in self._meta.concrete_fields)
        return ", ".join(str(value) for value in values if value not in (None, ""))

    def __repr__(self):
        return f"<{type(self).__name__}: {self}>"

    def __reduce__(self):
        model = type(self)
        if model._meta.apps is not embedded_models:  # of a migration
            return super().__reduce__()
        return model_of_pickle, (model._meta.label,), self.__getstate__()

    def __deepcopy__(self, memo):
        found = type(self).__new__(type(self))
        memo[id(self)] = found
        found.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return found

    @property
    def prepare_database_save(self):
        # By it Django knows what stands for a key.
        raise AttributeError("An embedded model is a value.")

    def save(self, *args, **kwargs):
        raise NotSupportedError(
            f"{type(self).__name__} is embedded: save the model that holds it."
        )

    def delete(self, *args, **kwargs):
        raise NotSupportedError(
            f"{type(self).__name__} is embedded: take it out of the model that holds "
            "it, and save that."
        )

    def validate_unique(self, exclude=None):
        pass

    def validate_constraints(self, exclude=None):
        pass


def model_of_pickle(label: str):
    model = embedded_models.find(label)
    return model.__new__(model)


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


def embedded_within(field):
    """The embedded fields that a field is, or has as items."""
    if isinstance(field, EmbeddedModelField):
        yield field
    elif isinstance(field, DocumentField):
        for inner in field.item_fields():
            yield from embedded_within(inner)


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


def check_embedded(field, model, seen: set) -> list:
    """What is wrong with an embedded model; each is looked at once."""
    if model in seen:
        return []
    seen.add(model)
    if not issubclass(model, EmbeddedModel):
        return [
            field.error(
                f"{model._meta.label} is no EmbeddedModel.",
                "E012",
                "Only subclasses of nonrel_backend.fields.EmbeddedModel are embedded.",
            )
        ]
    found = []
    label = model._meta.label
    if model._meta.many_to_many:
        names = ", ".join(each.name for each in model._meta.many_to_many)
        found.append(
            field.error(
                f"{label} is embedded and cannot keep many-to-many relations: {names}.",
                "E013",
                "Hold a list of keys: ListField(models.BigIntegerField()).",
            )
        )
    for each in model._meta.local_fields:
        if isinstance(each, NoKey):
            continue
        where = f"{label}.{each.name}"
        if isinstance(each, models.OneToOneField) or (each.unique and each.column):
            found.append(
                field.error(
                    f"{where} is unique, which an embedded model cannot be.",
                    "E014",
                    "Hold what is unique in a column of the model that embeds it.",
                )
            )
        if each.name in RESERVED_NAMES or (
            each.column and (each.column.startswith("$") or "." in each.column)
        ):
            found.append(
                field.error(
                    f"{where} is named as a lookup is.",
                    "E015",
                    "Paths could not name it: rename it.",
                )
            )
        if isinstance(each, (models.AutoField, models.FileField)):
            found.append(
                field.error(
                    f"{where} is a {type(each).__name__}, which cannot be embedded.",
                    "E016",
                    "Use a UUIDField with a default, or a CharField for a name.",
                )
            )
        for inner in embedded_within(each):
            try:
                inside = inner.embedded_models()
            except LookupError as error:
                found.append(field.error(f"{where}: {error}", "E010"))
                continue
            for other in inside:
                found += check_embedded(field, other, seen)
    return found


# What a path's next part means before it can be a field's name.
RESERVED_NAMES = {"exact", "isnull", "in", MODEL_KEY}
