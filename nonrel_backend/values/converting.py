"""Conversion of a column's stored values to another type."""

from collections.abc import Callable
from typing import Any

from django.db import DataError

from .columns import stored_field

# By (old, new) db_type, where the new field's to_python() differs from an SQL database.
CONVERSIONS: dict[tuple[str | None, str | None], Callable[[Any], Any]] = {
    ("bool", "int"): int,
    ("bool", "long"): int,
    ("int", "string"): str,
    ("long", "string"): str,
    ("double", "string"): str,
    ("decimal", "string"): str,
    ("uuid", "string"): lambda value: value.hex,
    ("date", "string"): str,
    ("datetime", "string"): str,
}


def converter(
    connection: Any,
    column: str,
    old_type: str | None,
    new_type: str | None,
    new_field: Any,
    read: Callable[[Any], Any],
    write: Callable[[Any], Any],
) -> Callable[[Any], Any] | None:
    """Return the function from stored values of `old_type` to those of `new_type`.

    Return None if they are the same. `read` converts from stored values of the old
    type, `write` to those of the new one. The function raises DataError, which names
    `column`, for a value that does not convert.
    """
    if old_type == new_type or {old_type, new_type} == {"int", "long"}:
        return None
    target = stored_field(new_field)
    to_python = CONVERSIONS.get((old_type, new_type), target.to_python)

    def convert(stored: Any) -> Any:
        value = read(stored)
        try:
            return write(target.get_db_prep_save(to_python(value), connection))
        except Exception as error:
            raise DataError(
                f"{column} cannot become {new_field.get_internal_type()}: the value "
                f"{value!r} does not convert ({error})."
            ) from error

    return convert
