"""The embedded models that a field leads to."""

from collections.abc import Iterator
from typing import Any

from django.db import models

from .base import DocumentField


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
