"""Values that raw SQL has written, as SQLite holds them, to be stored in columns."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import DataError, models

from ..values.columns import stored_field
from ..values.saving import UNFIT, checked, named
from ..values.storing import short
from .expressions import json_of_text

# Django's fields, the first of those with one stored type, and what their values are.
KINDS: dict[str, type | tuple[type, ...]] = {
    "TextField": str,
    "BooleanField": bool,
    "IntegerField": int,
    "BigIntegerField": int,
    "FloatField": (float, int),
    "DecimalField": Decimal,
    "DateTimeField": datetime,
    "DateField": date,
    "TimeField": time,
    "DurationField": timedelta,
    "UUIDField": UUID,
    "BinaryField": bytes,
    "JSONField": str,
}


def plain_field(store: Any, field: Any) -> Any:
    """Return a field of Django's that has the column's stored type; None if none has.

    A project's own field may read and prepare other values than the column holds.
    """
    final = stored_field(field)
    db_type = store.type_of(field)
    for name in KINDS:
        if store.data_types[name] == db_type:
            break
    else:
        return None
    options: dict[str, Any] = {"null": True}
    if name == "DecimalField":
        options["max_digits"] = getattr(final, "max_digits", None)
        options["decimal_places"] = getattr(final, "decimal_places", None)
    plain = getattr(models, name)(**options)
    plain.model = field.model
    plain.set_attributes_from_name(field.name)
    return plain


def preparer(store: Any, field: Any) -> Callable[[Any], Any]:
    """Return the function from SQLite's values of a column to get_db_prep_save()'s.

    It raises DataError, which names the column, for a value that is none of its type.
    """
    column = f"{field.model._meta.db_table}.{field.column}"
    plain = plain_field(store, field)
    wrapper = store.local_engine.wrapper
    if plain is None:
        expression = field.get_col(field.model._meta.db_table)
        converters = expression.get_db_converters(wrapper)
    elif isinstance(plain, models.JSONField):
        converters = []  # the text is read by json_of_text()
    else:
        expression = plain.get_col(field.model._meta.db_table)
        converters = [
            *wrapper.ops.get_db_converters(expression),
            *plain.get_db_converters(wrapper),
        ]

    def prepared(value: Any) -> Any:
        if value is None:
            return None
        found = value
        try:
            for convert in converters:
                found = convert(found, expression, wrapper)
            if plain is None:
                return field.get_db_prep_save(found, store)
            name = plain.get_internal_type()
            if not isinstance(found, KINDS[name]):
                raise DataError(f"{short(value)} is no value of a {name}.")
            if name == "JSONField":
                return json_of_text(field, found)
            return checked(plain, plain.get_db_prep_save(found, store), store)
        except (AttributeError, DataError, TypeError, ValueError, *UNFIT) as error:
            raise named(column, error) from error

    return prepared
