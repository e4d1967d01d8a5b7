"""Values at the boundaries of every field type, and the lookups of each type."""

import math
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from ..differential.data import in_unit

TEXTS = ["", "a", "A", "ab", "Abc", "b%c", "d_e", "x.y", "it's", "\\", "a\nb", " a "]
TEXTS += ["Zoë", "日本", "😀", "$ne", "0", "null", "a" * 100]
INT64 = 2**63

# {field of Specimen: values}
VALUES: dict[str, list[Any]] = {
    "big": [0, 1, -1, 2**31, 2**53 + 1, -(2**53) - 1, INT64 - 1, -INT64],
    "binary": [b"", b"a", b"\0\xff", b"\x80", bytes(range(256))],
    "boolean": [True, False],
    "char": TEXTS,
    "date": [date(1, 1, 1), date(1900, 2, 28), date(1969, 12, 31), date(2000, 1, 1)]
    + [date(2020, 2, 29), date(2024, 12, 30), date(9999, 12, 31)],
    "datetime": [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 7, 20, 20, 17, 40, 1000, tzinfo=UTC),
        datetime(2019, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2020, 2, 29, 12, 30, 15, 123456, tzinfo=UTC),
        datetime(2020, 2, 29, 12, 30, 15, 123457, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
    "decimal": list(
        map(Decimal, ["0.00", "0.01", "-0.01", "9.90", "999999.99", "-999999.99"])
    ),
    "duration": [timedelta(0), timedelta(days=1), timedelta(microseconds=-1)]
    + [timedelta(days=-400, seconds=3), timedelta(days=30000, microseconds=7)],
    "email": ["a@x.org", "A@X.org"],
    "file": ["a.txt", "dir/b.txt"],
    "filepath": ["/a", "/b/c"],
    "float": [0.0, 0.1, 0.2, 2.5, -1.5, 1e15, -1e-7, 5e-324, 1.7976931348623157e308],
    "indexed": ["", "a", "A", "ab", "日本"],
    "integer": [0, 1, 2, 7, -1, 2**31 - 1, -(2**31)],
    "ip": ["127.0.0.1", "::1", "2001:db8::ff"],
    "json": [{}, [], {"k": 1}, {"k": None}, {"k": "v"}, {"k": {"j": [1, 2]}}, [1]]
    + ["s", "", 0, 1.5, True, {"k": [1, "a"], "日": "本"}, {"k": 2, "j": False}]
    + [{"a.b": {"$c": 1}}, 2**53 + 1],
    "positive": [0, 1, 2**31 - 1],
    "positive_big": [0, 1, INT64 - 1],
    "positive_small": [0, 1, 32767],
    "slug": ["a", "a-b", "A_1"],
    "small": [0, 1, -32768, 32767],
    "text": [*TEXTS, "a" * 10_000],
    "time": [time(0), time(12, 30), time(12, 30, 0, 1), time(23, 59, 59, 999999)],
    "url": ["http://a.org/?b=1&c=%20"],
    "uuid": [UUID(int=number) for number in (0, 1, 2**64, 2**127, 2**128 - 1)],
}
# Values that are stored and read, but not looked up: also of other types than the
# field's own.
EXTREMES: list[dict[str, Any]] = [
    {"char": "a\0b"},
    {"text": "\0"},
    {"text": "\N{COMBINING ACUTE ACCENT}e\r\n\u2028"},
    {"float": math.inf},
    {"float": -math.inf},
    {"float": 7},
    {"integer": "7"},
    {"boolean": 1},
    {"decimal": Decimal("1E+2")},
    {"decimal": "1.5"},
    {"date": "2020-02-29"},
    {"datetime": datetime(2020, 1, 1, 3, tzinfo=timezone(timedelta(hours=5)))},
    {"time": "12:30"},
    {"uuid": "00000000-0000-0000-0000-0000000000ff"},
    {"ip": "::ffff:10.0.0.1"},
    {"json": None},
    {"json": [None, [], {}, [[{"": {"": None}}]]]},
    {"json": {"0": 1, "a b": "\0", "$set": {"x.y": True}}},
    {"json": [1e308, -0.5, -(2**63), "é" * 1000]},
]
ROWS = max(map(len, VALUES.values())) + 2

EQUALITY = ["{f}={v!r}", "{f}__in=[{v!r}]", "{f}__in=[{v!r}, None]"]
NULLS = ["{f}__isnull=True", "{f}__isnull=False", "{f}=None", "{f}__in=[]"]
ORDER = [f"{{f}}__{each}={{v!r}}" for each in ("gt", "gte", "lt", "lte")]
RANGE = ["{f}__range=({v!r}, {w!r})"]
# SQLite's LIKE ignores the case of ASCII letters, so it runs these as regular
# expressions.
PATTERNS = {
    "contains": lambda value: re.escape(value),
    "startswith": lambda value: r"\A" + re.escape(value),
    "endswith": lambda value: re.escape(value) + r"\Z",
}
FOLDED = [
    f"{{f}}__{each}={{v!r}}"
    for each in ("iexact", "icontains", "istartswith", "iendswith")
]
REGEX = [
    f"{{f}}__{each}={pattern!r}"
    for each in ("regex", "iregex")
    for pattern in ("^a", "b$", ".", "^$", "[ab]", "a|日", r"\.", "^a{{2,}}$")
]
DAYS = [
    f"{{f}}__{part}{compare}={number}"
    for part, number in {
        "year": 2020,
        "month": 2,
        "day": 31,
        "week_day": 4,
        "iso_week_day": 3,
        "quarter": 4,
        "week": 1,
        "iso_year": 2020,
    }.items()
    for compare in ("", "__gt", "__lte")
]
CLOCK = [
    f"{{f}}__{part}{compare}={number}"
    for part, number in {"hour": 12, "minute": 30, "second": 59}.items()
    for compare in ("", "__gte", "__lt")
]
DATES = [
    f"{{f}}__date{each}=date({{v.year}}, {{v.month}}, {{v.day}})"
    for each in ("", "__gt", "__lte")
]
JSON = [
    f"{{f}}{lookup}"
    for lookup in (
        "__k=1",
        "__k=None",
        "__k='v'",
        "__k__j=[1, 2]",
        "__k__j__1=2",
        "__k__0=1",
        "__0=1",
        "__日='本'",
        "__k__gt=1",
        "__k__in=[1, 'v']",
        "__k__isnull=True",
        "__k__isnull=False",
        "__k__icontains='1'",
        "__k__startswith='v'",
        "__has_key='k'",
        "__has_keys=['k', 'j']",
        "__has_any_keys=['j', '日']",
        "__k__has_key='j'",
    )
]
# As expressions: unlike a keyword's, their negation is not true of NULL.
EXPRESSIONS = [
    f"{each}(F('{{f}}'), {{v!r}})"
    for each in (
        "Exact",
        "GreaterThan",
        "GreaterThanOrEqual",
        "LessThan",
        "LessThanOrEqual",
    )
]
EXPRESSIONS.append("In(F('{f}'), [{v!r}, {w!r}])")
ORDERED = [*EQUALITY, *ORDER, *RANGE, *EXPRESSIONS]
# {field: lookups, where {f} is the field, {v} and {w} are values}
LOOKUPS: dict[str, list[str]] = {
    **dict.fromkeys(("big", "integer", "small", "float", "decimal"), ORDERED),
    **dict.fromkeys(("positive", "positive_big", "positive_small"), ORDERED),
    **dict.fromkeys(("duration", "uuid"), ORDERED),
    "binary": EQUALITY[:1],
    "boolean": EQUALITY,
    "time": [*ORDERED, *CLOCK],
    "date": [*ORDERED, *DAYS],
    "datetime": [*ORDERED, *DAYS, *CLOCK, *DATES],
    "json": ["{f}={v!r}", *JSON],
    **dict.fromkeys(("char", "text", "indexed"), [*ORDERED, *REGEX]),
    **dict.fromkeys(("email", "slug", "url", "file", "filepath"), EQUALITY),
    "ip": EQUALITY,
}
# Case-insensitive lookups are of ASCII text: SQLite's LIKE ignores case only there.
FOLDED_VALUES = ["a", "AB", "abc", "x.Y", "B%", "_", ""]


def values_in(unit: int) -> dict[str, list[Any]]:
    """Return VALUES with datetimes rounded down to `unit` microseconds."""
    return {**VALUES, "datetime": in_unit(VALUES["datetime"], unit)}


def records(found: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Return the columns of each row: each value once, NULL in the other rows."""
    return [
        {field: values[row] for field, values in found.items() if row < len(values)}
        for row in range(ROWS)
    ]


def lookups(field: str, values: list[Any]) -> list[str]:
    """Return the texts of all lookups on a field."""
    nulls = NULLS[:2] if field == "json" else NULLS
    found = [each.format(f=field) for each in nulls]
    for template in LOOKUPS[field]:
        for index, value in enumerate(values):
            other = values[(index + 2) % len(values)]
            found.append(template.format(f=field, v=value, w=other))
    if field in ("char", "text"):
        found += [
            each.format(f=field, v=value) for each in FOLDED for value in FOLDED_VALUES
        ]
    return list(dict.fromkeys(found))


def patterns(field: str) -> dict[str, str]:
    """Return {case-sensitive lookup: the same as a regular expression of SQLite}."""
    return {
        f"{field}__{lookup}={value!r}": f"{field}__regex={pattern(value)!r}"
        for lookup, pattern in PATTERNS.items()
        for value in (*TEXTS, "b", "C")
        if field in ("char", "text", "indexed")
    }
