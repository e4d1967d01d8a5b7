"""The embedded models that a field leads to."""

from collections.abc import Iterator
from typing import Any

from django.db import models

from .base import DocumentField
from .model import EmbeddedModel


def embedded_fields(field: models.Field) -> Iterator[Any]:
    """Yield the EmbeddedModelFields that a field is or holds."""
    if hasattr(field, "embedded_models"):
        yield field
    elif isinstance(field, DocumentField):
        for inner in field.item_fields():
            yield from embedded_fields(inner)


def schema_of(field: Any) -> dict[str, list[tuple[str, Any]]]:
    """Return {label: [(name, field), ...]} of all models that a field leads to."""
    schema: dict[str, list[tuple[str, Any]]] = {}
    waiting = [field]
    while waiting:
        try:
            reached = waiting.pop().embedded_models()
        except LookupError:
            continue
        for model in reached:
            if model._meta.label in schema:
                continue
            fields = []
            for original in model._meta.concrete_fields:
                copied = original.clone()
                for inner in embedded_fields(copied):
                    inner.in_schema = True
                    waiting.append(inner)
                fields.append((original.name, copied))
            schema[model._meta.label] = fields
    return dict(sorted(schema.items()))


def models_within(field: models.Field) -> set[Any]:
    """Return all embedded models that a field leads to, at any depth."""
    found: set[Any] = set()
    waiting = [field]
    while waiting:
        for inner in embedded_fields(waiting.pop()):
            new = set(inner.embedded_models()) - found
            found |= new
            waiting += [each for model in new for each in model._meta.concrete_fields]
    return found


def changes_when_saved(field: Any) -> bool:
    """Return whether the `pre_save()` of a field itself may change the value."""
    if isinstance(field, DocumentField):
        return getattr(field, "ordering", None) is not None
    if hasattr(field, "auto_now"):
        return bool(field.auto_now or field.auto_now_add)
    return type(field).pre_save is not models.Field.pre_save


def fields_to_save(model: Any) -> list[Any]:
    """Return the fields of an embedded model inside which a save may change values."""
    return [
        field
        for field in model._meta.concrete_fields
        if changes_when_saved(field)
        or any(
            changes_when_saved(inner)
            for each in models_within(field)
            for inner in each._meta.concrete_fields
        )
    ]


def set_owner(field: models.Field, owner: type[models.Model]) -> None:
    """Record in the embedded fields that `field` is or holds which model has them."""
    for inner in embedded_fields(field):
        inner.owner_label = owner._meta.app_label
        if issubclass(owner, EmbeddedModel):
            inner.own_registry = owner._meta.apps
