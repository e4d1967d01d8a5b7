"""Expressions assigned to columns: their types, and JSON values among them."""

import json
from typing import Any

from django.core.exceptions import FieldError
from django.db import IntegrityError, models
from django.db.models.expressions import ExpressionWrapper, Value

from ..values.wrappers import Json

# Django has JSONNull since 6.1.
JSON_NULL = getattr(models, "JSONNull", None)


def is_json_null(value: Any) -> bool:
    """Return whether a value is Django's JSONNull()."""
    return JSON_NULL is not None and isinstance(value, JSON_NULL)


def is_plain(value: Any, field: Any, store: Any) -> bool:
    """Return whether a value is a Value() of the column's own type."""
    if type(value) is not Value:
        return False
    own = vars(value).get("output_field")
    return own is None or own.db_type(store) == field.db_type(store)


def json_of_text(field: Any, value: Any) -> Any:
    """Return what a JSON column stores for a value that SQL has computed.

    A string is JSON text; raise IntegrityError if it is not. Any other value, such as
    that of a key, is stored as it is.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        return Json(value)
    try:
        return Json(json.loads(value, parse_constant=no_constant))
    except ValueError as error:
        raise IntegrityError(
            f"CHECK constraint failed: {field.column} of "
            f"{field.model._meta.db_table} would be {value!r}, which is not JSON"
        ) from error


def no_constant(text: str) -> None:
    """Refuse NaN and the infinities, which Python's json reads."""
    raise ValueError(text)


def json_as_text(expression: Any, field: Any) -> Any:
    """Return the expression; for a JSON column, as one that yields JSON text."""
    if not isinstance(field, models.JSONField):
        return expression
    return ExpressionWrapper(expression, output_field=models.TextField())


def typed(expression: Any, field: Any) -> Any:
    """Return the expression with the column's type, if it has no usable type.

    An expression of JSON that is assigned to another column yields JSON text.
    """
    if isinstance(field, models.JSONField):
        return json_as_text(expression, field)
    try:
        known = expression._output_field_or_none
    except FieldError:
        known = None
    if isinstance(known, models.JSONField):
        known = None
    return expression if known else ExpressionWrapper(expression, output_field=field)
