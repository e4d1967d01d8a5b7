"""Stored values of a column in another type: each converts, or it is a DataError."""

from collections.abc import Callable
from typing import Any

from django.db import DataError

from .columns import stored_field

# Where the new field's to_python() is not what an SQL database does.
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
    connection, column: str, old_type, new_type, new_field, read, write
) -> Callable[[Any], Any] | None:
    """The function from stored values of `old_type` to those of `new_type`, None where
    they are the same. `read` and `write` are the store's, from and to stored values;
    `column` is for the DataError that tells of a value that does not convert.
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
