"""Values at the boundaries of every type, in every collection."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from .models import Leaves, Sample

EXTREMES: dict[str, list[Any]] = {
    "biginteger": [0, -(2**63), 2**63 - 1, 2**53 + 1],
    "boolean": [True, False],
    "date": [date.min, date.max, date(1969, 12, 31)],
    "datetime": [
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
    ],
    "duration": [timedelta(microseconds=1), timedelta(days=-(10**5), microseconds=7)],
    "float": [0.0, -0.1, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf")],
    "text": ["", "\0", "é𝄞", "$ne", "a.b", '{"$gt": 1}', "'\"\\%_", "x" * 10_000],
    "time": [time.min, time.max, time(1, 2, 3, 4)],
    "uuid": [UUID(int=0), UUID(int=2**128 - 1)],
    "decimal": [
        Decimal("0.0000000001"),
        Decimal("99999999999999999999.9999999999"),
        Decimal("-1.1000000000"),
    ],
    "binary": [b"", b"\0\xff" * 100, bytes(range(256))],
    "raw": ["", 0, -(2**63), 1.5, True, [], {}, {"$ne": 1}, [[None, {"a.b": [1]}]]],
}


def sample(name: str) -> Sample:
    """Return a row with values of one type in each collection."""
    values = [*EXTREMES[name], None]
    found = Sample(
        leaves=Leaves(**{name: values[-2]}),
        **{
            f"list_{name}": values,
            f"dict_{name}": {f"$key.{n}": value for n, value in enumerate(values)},
        },
    )
    if name != "raw":  # Some raw values are not hashable.
        setattr(found, f"set_{name}", set(values[:-1]))
    return found


def samples(alias: str) -> Iterator[tuple[str, Any, Any]]:
    """Store a row for each type. Yield (column, the value read, the value stored), the
    values with their types.
    """
    for name in EXTREMES:
        stored = sample(name)
        stored.save(using=alias)
        found = Sample.objects.using(alias).get(pk=stored.pk)
        for field in Sample._meta.fields:
            before, after = (typed(getattr(x, field.attname)) for x in (stored, found))
            yield f"{field.name} of {name}", after, before


def typed(value: Any) -> Any:
    """Return a value with the types of all values in it."""
    if isinstance(value, dict):
        return dict, {key: typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return list, [typed(each) for each in value]
    if isinstance(value, set):
        return set, {typed(each) for each in value}
    return type(value), value
