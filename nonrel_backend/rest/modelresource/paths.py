"""Paths: the relations of a model that the steps of a field lead through."""

from functools import cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist


@cache
def column(model: Any, name: str) -> Any:
    """Return the model's field with this name, or None."""
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def relation(model: Any, name: str) -> Any:
    """Return the model's relation with this attribute, or None."""
    try:
        found = model._meta.get_field(name)
        if found.is_relation and found.related_model is not None:
            if not found.auto_created or found.concrete:
                return found
    except FieldDoesNotExist:
        pass
    for each in model._meta.related_objects:
        if each.get_accessor_name() == name:
            return each
    return None


@cache
def reverse_one_to_one(model: Any, steps: tuple[str, ...]) -> Any:
    """Return the OneToOneField of the related model whose reverse the steps are, or
    None.
    """
    found = relation(model, steps[0]) if len(steps) == 1 else None
    if found is None or found.concrete or not found.one_to_one:
        return None
    return found.field


def relations(model: Any, steps: list[str]) -> tuple[list[str], Any, Any]:
    """Return the steps that are relations, the last relation, and its model.

    The model is None if the steps lead on to a value.
    """
    way: list[str] = []
    last = None
    for name in steps:
        found = relation(model, name)
        if found is None:
            return way, last, None
        way.append(name)
        last, model = found, found.related_model
    return way, last, model


def query_path(model: Any, steps: list[str]) -> list[str]:
    """Return the steps of a field by the names that queries have for them."""
    way, _, _ = relations(model, steps)
    found = []
    for name in way:
        related = relation(model, name)
        found.append(related.name)
        model = related.related_model
    return found + steps[len(way) :]
