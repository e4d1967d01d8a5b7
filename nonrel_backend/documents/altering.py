"""AlterField on columns of documents: conversion of the stored documents.

A new field of an embedded model gets its default, a removed one is left out, and the
values of a field with another type are converted.
"""

from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from .codec import codec_of, from_text, stores_documents, to_text


def structure(value: Any) -> Any:
    """Return the declaration of a field as plain values that can be compared."""
    if hasattr(value, "deconstruct"):
        parts = value.deconstruct()
        return structure(parts[1:] if len(parts) == 4 else parts)
    if isinstance(value, (list, tuple)):
        return [structure(each) for each in value]
    if isinstance(value, dict):
        return {key: structure(each) for key, each in value.items()}
    return value


def holds_documents(field: models.Field) -> bool:
    return bool(field.get_internal_type() == "DocumentField")


def conversion(
    connection: BaseDatabaseWrapper, old_field: Any, new_field: Any
) -> Callable[[Any], Any] | None:
    """Return the function that converts stored documents of one field to another's.

    On SQL databases it takes and returns texts. Return None if there is nothing to
    convert.
    """
    if not (holds_documents(old_field) and holds_documents(new_field)):
        return None
    if structure(old_field) == structure(new_field):
        return None
    if not stores_documents(connection):
        return lambda text: to_text(
            new_field,
            new_field.to_python(plain(from_text(old_field, text, connection))),
            connection,
        )
    codec = codec_of(connection)
    read, write = codec.reader(old_field), codec.writer(new_field)
    return lambda document: write(new_field.to_python(plain(read(document))))


def plain(value: Any) -> Any:
    """Return a value with its embedded models as dictionaries of all their fields."""
    meta = getattr(value, "_meta", None)
    if meta is not None:
        found = {
            field.attname: plain(getattr(value, field.attname))
            for field in meta.concrete_fields
        }
        return {"_model": meta.label, **found}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value
