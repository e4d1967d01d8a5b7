"""What new data keeps of an object's embedded models: the keys they do not know."""

from collections.abc import Iterator
from typing import Any

from ...documents.sources import SourcedDict

# The key that names the model if several are allowed.
MODEL_KEY = "_model"


def with_sources(new: Any, old: Any) -> Any:
    """Return cleaned data with the sources of the embedded models that it replaces.

    An item of a list replaces the first one of the same fields; or else, if the list
    keeps its length, the one at its position.
    """
    if not has_source(old):
        return new
    if isinstance(new, dict) and isinstance(old, dict):
        return {name: with_sources(each, old.get(name)) for name, each in new.items()}
    if isinstance(new, dict):
        if new.get(MODEL_KEY) not in (None, old._meta.label):
            return new
        found = {
            name: with_sources(each, getattr(old, name, None))
            for name, each in new.items()
        }
        return SourcedDict(found, old._source)
    if isinstance(new, list) and isinstance(old, list):
        return [
            with_sources(each, found)
            for each, found in zip(new, replaced(new, old), strict=True)
        ]
    return new


def embedded_in(value: Any) -> Iterator[Any]:
    """Yield all embedded models in a value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from embedded_in(each)
    elif hasattr(value, "_source"):
        yield value
        for field in value._meta.concrete_fields:
            yield from embedded_in(getattr(value, field.attname))


def has_source(value: Any) -> bool:
    """Return whether an embedded model in a value knows not all of its document."""
    if isinstance(value, dict):
        return any(map(has_source, value.values()))
    if isinstance(value, list):
        return any(map(has_source, value))
    if not hasattr(value, "_source"):
        return False
    return value._source is not None or any(
        has_source(getattr(value, each.attname)) for each in value._meta.concrete_fields
    )


def replaced(new: list[Any], old: list[Any]) -> list[Any]:
    """Return the old item that each new one replaces, or None."""
    found: list[Any] = [None] * len(new)
    left = dict(enumerate(old))
    for number, item in enumerate(new):
        same = next((key for key, each in left.items() if is_same(item, each)), None)
        found[number] = None if same is None else left.pop(same)
    if len(new) == len(old):
        found = [
            left.get(number) if each is None else each
            for number, each in enumerate(found)
        ]
    return found


def is_same(new: Any, old: Any) -> bool:
    """Return whether data says what a value is already."""
    if isinstance(new, dict) and hasattr(old, "_meta"):
        return all(
            each == old._meta.label
            if name == MODEL_KEY
            else is_same(each, getattr(old, name, None))
            for name, each in new.items()
        )
    if isinstance(new, list) and isinstance(old, list):
        return len(new) == len(old) and all(map(is_same, new, old))
    return bool(new == old)
