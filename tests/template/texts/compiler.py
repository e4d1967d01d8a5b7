"""The template's queries, over values that are all text, which sorts as they do."""

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from struct import pack, unpack
from typing import Any
from uuid import UUID

from django.utils.duration import duration_microseconds

from backend_template import compiler
from nonrel_backend.values.storing import moment, time_of_day, to_int, to_string

ALL = 2**64 - 1
SIGN = 2**63
# No decimal of the suite has more digits after the point.
PLACES = 30


def of_int(value: Any) -> str:
    return f"{to_int(value) + SIGN:020d}"


def int_of(text: str) -> int:
    return int(text) - SIGN


def of_float(value: Any) -> str:
    """Return the bits of a double, turned so that they sort as doubles do."""
    (bits,) = unpack(">Q", pack(">d", float(value) + 0.0))
    return f"{bits ^ (ALL if bits & SIGN else SIGN):016x}"


def float_of(text: str) -> float:
    bits = int(text, 16)
    (value,) = unpack(">d", pack(">Q", bits ^ (SIGN if bits & SIGN else ALL)))
    return float(value)


def of_decimal(value: Any) -> str:
    """Return a number that sorts, then the decimal as it is written."""
    number = int(Decimal(value).scaleb(PLACES)) + 10 ** (2 * PLACES)
    return f"{number:0{2 * PLACES + 1}d} {value}"


def date_of(value: Any) -> date:
    return value.date() if isinstance(value, datetime) else value


TO_DB: dict[str, Callable[[Any], str]] = {
    "binary": lambda value: bytes(value).hex(),
    "bool": lambda value: "true" if value else "false",
    "date": lambda value: date_of(value).isoformat(),
    "datetime": lambda value: moment(value).isoformat(timespec="microseconds"),
    "decimal": of_decimal,
    "double": of_float,
    "duration": lambda value: of_int(duration_microseconds(value)),
    "int": of_int,
    "json": lambda value: json.dumps(value.value),
    "long": of_int,
    "string": lambda value: f"text {to_string(value)}",
    "time": lambda value: time_of_day(value).isoformat(timespec="microseconds"),
    "uuid": lambda value: UUID(str(value)).hex,
}
FROM_DB: dict[str, Callable[[str], Any]] = {
    "binary": bytes.fromhex,
    "bool": lambda text: text == "true",
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "decimal": lambda text: Decimal(text.split()[1]),
    "double": float_of,
    "duration": lambda text: timedelta(microseconds=int_of(text)),
    "int": int_of,
    "json": json.loads,
    "long": int_of,
    "string": lambda text: text.removeprefix("text "),
    "time": time.fromisoformat,
    "uuid": UUID,
}


class BackendQuery(compiler.BackendQuery):
    """The template's."""


class SQLCompiler(compiler.SQLCompiler):
    query_class = BackendQuery

    def convert_value_for_db(self, db_type: str, value: Any) -> Any:
        return TO_DB[db_type](value)

    def convert_value_from_db(self, db_type: str, value: Any) -> Any:
        return FROM_DB[db_type](value)


class SQLInsertCompiler(compiler.SQLInsertCompiler, SQLCompiler):
    def insert(self, data: dict[str, Any], return_id: bool = False) -> Any:
        if strange := [each for each in data.values() if type(each) is not str]:
            raise AssertionError(f"No text: {strange}")
        return super().insert(data, return_id)
