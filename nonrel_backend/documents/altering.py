"""AlterField on columns of documents: conversion of the stored documents.

A new field of an embedded model gets the value that the document has for it already,
or else its default. A removed one is left out, and the values of a field with another
type are converted.
"""

import json
from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from .codec import (
    Codec,
    codec_of,
    dumped,
    stores_documents,
    text_codec_of,
)
from .sources import SourcedDict


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
    as_text = not stores_documents(connection)
    codec = text_codec_of(connection) if as_text else codec_of(connection)
    read, write = codec.reader(old_field), codec.writer(new_field)

    def convert(document: Any) -> Any:
        return write(new_field.to_python(plain(read(document), codec)))

    return (lambda text: dumped(convert(json.loads(text)))) if as_text else convert


class FieldValues(SourcedDict):
    """The values of all fields of an embedded model, and what else its document has."""

    def __init__(self, instance: Any, codec: Codec) -> None:
        fields = instance._meta.concrete_fields
        source, self.codec = instance._source, codec
        known = {field.column for field in fields}
        others = {} if source is None else source.others
        # What becomes the value of a field that the instance's model does not have.
        self.others = {key: each for key, each in others.items() if key not in known}
        super().__init__(codec.form.to_json(self.others), source)
        self["_model"] = instance._meta.label
        for field in fields:
            self[field.attname] = plain(getattr(instance, field.attname), codec)

    def other(self, field: Any) -> Any:
        """Return the value of a field whose column is in `others`."""
        stored = self.others[field.column]
        if stored is None:
            return None
        if stored == self[field.column]:  # it is JSON
            return field.to_python(stored)
        return self.codec.reader(field)(stored)


def plain(value: Any, codec: Codec) -> Any:
    """Return a value of the codec with its embedded models as dictionaries."""
    if hasattr(value, "_meta"):
        return FieldValues(value, codec)
    if isinstance(value, dict):
        return {key: plain(each, codec) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each, codec) for each in value]
    return value
