"""EmbeddedModel: a model that is a value in a column of another, with no table."""

import copy

from django.db import NotSupportedError, models
from django.db.models.base import ModelBase

from .registry import embedded_models


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
