"""Columns of documents whose structure has changed: the rows there are are converted.

A field that is new in an embedded model gets its default, one that is gone is left out,
one of another type is converted.
"""

from collections.abc import Callable
from typing import Any

from .codec import codec_of, from_text, is_store, to_text


def structure(value: Any) -> Any:
    """What a field declares, as plain values that compare."""
    if hasattr(value, "deconstruct"):
        parts = value.deconstruct()
        return structure(parts[1:] if len(parts) == 4 else parts)
    if isinstance(value, (list, tuple)):
        return [structure(each) for each in value]
    if isinstance(value, dict):
        return {key: structure(each) for key, each in value.items()}
    return value


def holds_documents(field) -> bool:
    return field.get_internal_type() == "DocumentField"


def conversion(connection, old_field, new_field) -> Callable[[Any], Any] | None:
    """The function from old to new stored documents, or texts; None for none."""
    if not (holds_documents(old_field) and holds_documents(new_field)):
        return None
    if structure(old_field) == structure(new_field):
        return None
    if not is_store(connection):
        return lambda text: to_text(
            new_field,
            new_field.to_python(plain(from_text(old_field, text, connection))),
            connection,
        )
    codec = codec_of(connection)
    read, write = codec.reader(old_field), codec.writer(new_field)
    return lambda document: write(new_field.to_python(plain(read(document))))


def plain(value: Any) -> Any:
    """A value with embedded models as dictionaries of all that they have had."""
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
