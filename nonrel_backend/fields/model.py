"""EmbeddedModel: a model without a table, whose instances are values in a column."""

import copy
from typing import Any, NoReturn

from django.db import NotSupportedError, models
from django.db.models.base import ModelBase

from ..documents.sources import Source
from .registry import embedded_models

NO_KEY = "no_key"


def no_key_field() -> models.Field:
    """Return the primary key that Django requires: it has no column and no value.

    It is no class of its own: packages do something for each subclass of Field.
    """
    field: Any = models.Field(
        primary_key=True, editable=False, blank=True, serialize=False
    )
    field.get_attname_column = lambda: (NO_KEY, None)
    field.check = lambda **kwargs: []
    return field


class NoTable(models.Manager):
    """The `objects` of an embedded model, which raises an error."""

    def get_queryset(self) -> NoReturn:
        raise NotSupportedError(
            f"{self.model.__name__} has no table because it is embedded. Query the "
            "model that has the EmbeddedModelField."
        )


class EmbeddedModelBase(ModelBase):
    """The metaclass that puts embedded models into a registry of their own."""

    def __new__(
        cls,
        name: str,
        bases: tuple[type, ...],
        attrs: dict[str, Any],
        **kwargs: Any,
    ) -> Any:
        if not any(isinstance(base, EmbeddedModelBase) for base in bases):
            return super().__new__(cls, name, bases, attrs, **kwargs)
        meta: Any = attrs.get("Meta")
        if meta is None:
            inherited = [
                meta
                for base in bases
                if (meta := getattr(base, "Meta", None)) is not None
            ]
            meta = type("Meta", tuple(inherited[:1]), {"abstract": False})
        if not hasattr(meta, "apps") or meta.apps is None:
            meta = type("Meta", (meta,), {"apps": embedded_models})
        attrs["Meta"] = meta
        for field in attrs.values():
            if isinstance(field, models.ForeignKey):
                # There are no rows for a reverse relation to find.
                field.remote_field.related_name = "+"
        return super().__new__(cls, name, bases, attrs, **kwargs)


class EmbeddedModel(models.Model, metaclass=EmbeddedModelBase):
    """The base of models that an EmbeddedModelField embeds in others.

    Two are equal if they are of one class and all their fields are equal.
    """

    no_key = no_key_field()
    objects = NoTable()
    # What the document that it was read from holds beside its fields.
    _source: Source | None = None

    class Meta:
        abstract = True
        apps = embedded_models

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(
            getattr(self, field.attname) == getattr(other, field.attname)
            for field in self._meta.concrete_fields
        )

    # It is mutable and compared by value.
    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        values = (getattr(self, each.attname) for each in self._meta.concrete_fields)
        return ", ".join(str(value) for value in values if value not in (None, ""))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __reduce__(self) -> Any:
        model = type(self)
        if model._meta.apps is not embedded_models:  # a migration's
            return super().__reduce__()
        return new_instance, (model._meta.label,), self.__getstate__()

    def __deepcopy__(self, memo: dict[int, Any]) -> "EmbeddedModel":
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied

    @property
    def prepare_database_save(self) -> NoReturn:
        # Django takes a value with this attribute for a related object.
        raise AttributeError("An embedded model is a value, not a related object.")

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise NotSupportedError(
            f"{type(self).__name__} is embedded. Save the model that contains it."
        )

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotSupportedError(
            f"{type(self).__name__} is embedded. Remove it from the model that "
            "contains it, and save that model."
        )

    def validate_unique(self, exclude: Any = None) -> None:
        """Do nothing: there is no table in which a value could be unique."""

    def validate_constraints(self, exclude: Any = None) -> None:
        """Do nothing: embedded models have no constraints."""


# A field without a column sets nothing on its class.
setattr(EmbeddedModel, NO_KEY, None)


def new_instance(label: str) -> Any:
    """Return an instance without values of the model with this label, for pickle."""
    model = embedded_models.find(label)
    return model.__new__(model)
