"""Values to be saved: prepared by their fields, refused where no column holds them."""

import functools
import json
import math
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, cast
from uuid import UUID

from django.db import DataError

from .columns import stored_field
from .storing import INT64, short, to_int
from .wrappers import Json

Method = TypeVar("Method", bound=Callable[..., Any])
# The types of columns for which of_column() has something to do.
SPECIAL = {"json", "duration", "uuid"}
# What Python raises for a value that is too large, or nested too deeply, to convert.
TOO_LARGE = (OverflowError, InvalidOperation)
UNFIT = (*TOO_LARGE, RecursionError)
# Of the ValueError for a text of an integer that has too many digits.
TOO_MANY_DIGITS = "set_int_max_str_digits"


def to_save(field: Any, value: Any, store: Any) -> Any:
    """Return what get_db_prep_save() does; NULL for NaN, as on SQLite.

    Raise DataError, which names the field, for a value that its column cannot hold.
    """
    try:
        prepared = field.get_db_prep_save(value, store)
        if type(prepared) not in CHECKS:
            return prepared
        if type(prepared) is int and prepared in INT64:  # the same, in short
            return prepared
        return checked(field, prepared, store)
    except (DataError, *UNFIT) as error:
        raise named(field, error) from error
    except TypeError as error:
        if stored_field(field).get_internal_type() == "BinaryField":
            raise named(field, error) from error
        raise


def checked(field: Any, prepared: Any, store: Any) -> Any:
    """Return a prepared value; NULL for NaN. Raise an error if no column holds it."""
    check = CHECKS.get(type(prepared))
    return prepared if check is None else check(field, prepared, store)


def named(field: Any, error: BaseException) -> DataError:
    """Return the DataError for an error of a value, with the field's name."""
    if isinstance(error, RecursionError):
        return DataError(f"{field}: the value is nested too deeply: {error}")
    return DataError(f"{field}: {error}")


def of_column(db_type: str | None, value: Any) -> Any:
    """Return a prepared value as what its column's type has; None is NULL.

    Django prepares durations for such stores as they are given, UUIDs as text, and
    fields of a project's own may prepare JSON as text. Raise DataError for what is no
    duration.
    """
    if db_type == "json" and type(value) is str:
        return Json(json.loads(value))
    if db_type == "duration" and not isinstance(value, timedelta | None):
        raise DataError(f"{short(value)} is no timedelta.")
    if db_type == "uuid" and type(value) is str:
        return UUID(value)
    return value


def of_filter(field: Any, value: Any, store: Any, prepared: bool = True) -> Any:
    """Return a value, prepared by its field or not, as filters by a column have it."""
    found = field.get_db_prep_value(value, store, prepared)
    return of_column(store.type_of(field), found) if type(found) is str else found


def with_data_errors(method: Method) -> Method:
    """Have a compiler's method raise DataError where Python raises an error of its own
    for a value that is too large or nested too deeply.
    """

    @functools.wraps(method)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except RecursionError as error:
            raise DataError("A value of the statement is nested too deeply.") from error
        except UnicodeEncodeError as error:
            raise DataError(f"A text of the statement is no UTF-8: {error}") from error
        except (*TOO_LARGE, ValueError) as error:
            if isinstance(error, ValueError) and TOO_MANY_DIGITS not in str(error):
                raise
            raise DataError(
                f"A value of the statement is larger than any column holds: {error}"
            ) from error

    return cast(Method, run)


def check_float(field: Any, value: float, store: Any) -> float | None:
    """Return NULL for NaN, but in tables of other programs, whose NaN is kept."""
    if not math.isnan(value):
        return value
    model = getattr(field, "model", None)  # the field of a constant has none
    is_kept = model is not None and store.is_foreign(model._meta.db_table)
    return value if is_kept else None


def check_decimal(field: Any, value: Decimal, store: Any) -> Decimal:
    if not value.is_finite():
        raise DataError(f"{value} is no number that a DecimalField holds.")
    field = stored_field(field)
    digits = getattr(field, "max_digits", None)
    places = getattr(field, "decimal_places", None)
    if digits is None or places is None:
        return value
    if value and value.adjusted() >= digits - places:
        raise DataError(
            f"{short(value)} has more than {digits - places} digits before the point: "
            f"max_digits is {digits}, decimal_places {places}."
        )
    return value


def check_json(field: Any, value: Json, store: Any) -> Json:
    """Raise DataError for numbers that JSON lacks, TypeError as `json.dumps` does."""
    try:
        json.dumps(value.value, allow_nan=False)
    except ValueError as error:
        if not is_json(value.value):
            raise DataError(
                f"JSON has no NaN and no infinity, store null instead. {error}"
            ) from error
    return value


def is_json(value: Any) -> bool:
    """Return whether all floats are numbers, or stand for what JSON has no type for."""
    if type(value) is float:
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(is_json, value.values()))
    return not isinstance(value, (list, tuple)) or all(map(is_json, value))


CHECKS: dict[type, Callable[[Any, Any, Any], Any]] = {
    int: lambda field, value, store: to_int(value),
    float: check_float,
    Decimal: check_decimal,
    Json: check_json,
}
