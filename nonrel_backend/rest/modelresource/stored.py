"""Return an object that was just written, with its values as the store has them."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connections, models

TIMES = (models.DateTimeField, models.TimeField, models.DurationField)


class StoredColumns(NamedTuple):
    """The columns whose stored values may differ from those written."""

    generated: bool
    times: list[str]
    moments: list[str]
    decimals: list[tuple[Any, Decimal]]


@cache
def columns_of(model: Any) -> StoredColumns:
    """Return the columns of a model whose stored values may differ."""
    fields = model._meta.concrete_fields
    return StoredColumns(
        any(field.generated for field in fields),
        [field.attname for field in fields if isinstance(field, TIMES)],
        [each.attname for each in fields if isinstance(each, models.DateTimeField)],
        [
            (field, Decimal(1).scaleb(-field.decimal_places))
            for field in fields
            if isinstance(field, models.DecimalField)
        ],
    )


def is_exact(value: Any) -> bool:
    """Return whether a store that rounds times to less than microseconds, and
    converts to UTC, stores the value unchanged.
    """
    if isinstance(value, timedelta):
        return not value.microseconds
    if isinstance(value, datetime | time):
        return not value.microsecond and not value.utcoffset()
    return value is None


def rounds(model: Any, database: str) -> bool:
    """Return whether the store may round datetimes of a model."""
    keeps = getattr(connections[database], "keeps_microseconds", None)
    return keeps is not None and not keeps(model._meta.db_table)


def as_stored(obj: Any, database: str) -> Any:
    """Return the object as stored. It is read again if the store may have rounded or
    computed a value.
    """
    model: Any = type(obj)
    columns = columns_of(model)
    if columns.generated or (
        rounds(model, database)
        and not all(is_exact(getattr(obj, name)) for name in columns.times)
    ):
        return model._base_manager.using(database).get(pk=obj.pk)
    if settings.USE_TZ:
        zone = connections[database].timezone
        for name in columns.moments:
            value = getattr(obj, name)
            if isinstance(value, datetime) and value.tzinfo not in (None, zone):
                setattr(obj, name, value.astimezone(zone))
    for field, places in columns.decimals:
        value = getattr(obj, field.attname)
        if value is not None:
            exact = field.to_python(value)
            setattr(obj, field.attname, exact.quantize(places, context=field.context))
    return obj
