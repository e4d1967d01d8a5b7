"""An object that was written, as the store has it now."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from django.db import connections, models

TIMES = (models.DateTimeField, models.TimeField, models.DurationField)


class Changing(NamedTuple):
    """The columns whose values may be others once they are stored."""

    generated: bool
    times: list[str]
    decimals: list[tuple[Any, Decimal]]


@cache
def changing_columns(model: Any) -> Changing:
    fields = model._meta.concrete_fields
    return Changing(
        any(field.generated for field in fields),
        [field.attname for field in fields if isinstance(field, TIMES)],
        [
            (field, Decimal(1).scaleb(-field.decimal_places))
            for field in fields
            if isinstance(field, models.DecimalField)
        ],
    )


def is_exact(value: Any) -> bool:
    """Whether a store that rounds moments, or has them in UTC, shows it as it is."""
    if isinstance(value, timedelta):
        return not value.microseconds
    if isinstance(value, datetime | time):
        return not value.microsecond and not value.utcoffset()
    return value is None


def as_stored(obj: Any, database: str) -> Any:
    """Read again where the store may have rounded or computed a value."""
    model: Any = type(obj)
    changing = changing_columns(model)
    rounds = not getattr(connections[database].features, "keeps_microseconds", True)
    if changing.generated or (
        rounds and not all(is_exact(getattr(obj, name)) for name in changing.times)
    ):
        return model._base_manager.using(database).get(pk=obj.pk)
    for field, places in changing.decimals:
        value = getattr(obj, field.attname)
        if value is not None:
            exact = field.to_python(value)
            setattr(obj, field.attname, exact.quantize(places, context=field.context))
    return obj
