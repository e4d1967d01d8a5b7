"""Key components sort like the values, in LMDB's stored forms and in JSON's."""

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonrel_backend.kv.encoding import (
    NULL,
    PRESENT,
    component,
    following,
    shortened,
    text_prefix,
)
from nonrel_backend.kv.json_values import dumped, json_forms, loaded
from nonrel_backend.lmdb.values import FORMS

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "string": TEXTS | st.text("a\0\x01\xff", max_size=5),
    "binary": st.binary(max_size=8) | st.lists(st.sampled_from([0, 255])).map(bytes),
    "date": st.dates(),
    "datetime": st.datetimes(),
    "time": st.times(),
    "duration": st.timedeltas(timedelta(days=-(10**8)), timedelta(days=10**8)),
    "decimal": st.decimals(allow_nan=False),
    "uuid": st.uuids(),
}
NAMES = st.sampled_from(sorted(VALUES))
JSON_FORMS = json_forms("x")


@pytest.fixture(params=[FORMS, JSON_FORMS], ids=["LMDB", "JSON"], scope="module")
def key(request):
    """Return the function from a value of a type to its component."""
    forms = request.param

    def key(db_type, value, descending=False):
        stored = None if value is None else forms.to_stored(db_type, value)
        return component(forms.encoders[db_type], descending)(stored)

    return key


@given(st.data(), NAMES)
def test_keys_sort_like_values(key, data, db_type):
    one, other = data.draw(VALUES[db_type]), data.draw(VALUES[db_type])
    first, second = key(db_type, one), key(db_type, other)
    assert (first < second) == (one < other)
    assert (first == second) == (one == other)


@given(st.data(), NAMES)
def test_descending_keys_sort_in_reverse(key, data, db_type):
    one, other = data.draw(VALUES[db_type]), data.draw(VALUES[db_type])
    first, second = key(db_type, one, True), key(db_type, other, True)
    assert (first > second) == (one < other)
    assert (first == second) == (one == other)


@given(st.data(), NAMES)
def test_null_comes_first_and_last_when_descending(key, data, db_type):
    value = data.draw(VALUES[db_type])
    assert key(db_type, None) == NULL < PRESENT <= key(db_type, value)
    assert key(db_type, None, True) > key(db_type, value, True)


@given(st.data(), NAMES)
def test_no_key_is_a_prefix_of_another(key, data, db_type):
    one, other = data.draw(VALUES[db_type]), data.draw(VALUES[db_type])
    assert one == other or not key(db_type, other).startswith(key(db_type, one))


class Backwards:
    """A value that sorts in reverse."""

    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        return other.value < self.value

    def __eq__(self, other):
        return self.value == other.value


@given(st.data(), st.lists(st.tuples(NAMES, st.booleans()), min_size=1, max_size=4))
def test_compound_keys_sort_like_tuples(key, data, columns):
    def draw():
        row = [data.draw(VALUES[db_type] | st.none()) for db_type, _ in columns]
        encoded = b"".join(
            key(db_type, value, descending)
            for (db_type, descending), value in zip(columns, row, strict=True)
        )
        parts = []
        for (_, descending), value in zip(columns, row, strict=True):
            part = (value is not None, *([] if value is None else [value]))
            parts.append(Backwards(part) if descending else part)
        return encoded, parts

    (first, one), (second, other) = draw(), draw()
    assert (first < second) == (one < other)
    assert (first == second) == (one == other)


@given(TEXTS, TEXTS)
def test_texts_with_a_prefix_are_one_range(key, text, prefix):
    start = text_prefix(prefix)
    assert (start <= key("string", text) < following(start)) == text.startswith(prefix)


@given(st.binary(min_size=1).filter(lambda data: data.strip(b"\xff")), st.binary())
def test_following_is_after_all_keys_with_the_prefix(start, more):
    assert start + more < following(start)
    assert following(start)[:-1] == start[: len(following(start)) - 1]


def test_equal_numbers_have_equal_keys(key):
    assert key("decimal", Decimal("2.50")) == key("decimal", Decimal("2.5"))
    assert key("decimal", Decimal("1E+3")) == key("decimal", Decimal("1000"))
    assert key("decimal", Decimal("-0")) == key("decimal", Decimal("0.00"))
    assert key("double", -0.0) == key("double", 0.0)


def test_nan_is_encoded_as_null(key):
    assert key("double", math.nan) == NULL == key("decimal", Decimal("NaN"))


def test_long_keys_are_shortened_and_remain_different():
    one, other = shortened(b"a" * 500, 100), shortened(b"a" * 499 + b"b", 100)
    assert len(one) == len(other) == 100
    assert one != other
    assert shortened(b"a" * 100, 100) == b"a" * 100


@pytest.mark.parametrize(
    ("transform", "value", "same_as"),
    [("fold", "STRASSE É", "strasse é"), ("reverse", "abc", "cba")],
)
def test_expression_keys_hold_the_transformed_text(key, transform, value, same_as):
    encode = component(FORMS.encoders["string"], False, transform)
    assert encode(value) == key("string", same_as)


@pytest.mark.parametrize(
    ("db_type", "values"),
    [
        ("date", [date.min, date(1969, 12, 31), date(1970, 1, 1), date.max]),
        ("datetime", [datetime.min, datetime(1970, 1, 1), datetime.max]),
        ("time", [time.min, time(12, 0, 0, 1), time.max]),
        ("uuid", [UUID(int=0), UUID(int=2**64), UUID(int=2**128 - 1)]),
        ("decimal", [Decimal("-Infinity"), Decimal("-1E+9"), 0, Decimal("Infinity")]),
    ],
)
def test_extremes_sort(key, db_type, values):
    keys = [key(db_type, value) for value in values]
    assert keys == sorted(keys)


@given(st.data(), NAMES)
def test_json_rows_hold_the_values(data, db_type):
    value = data.draw(VALUES[db_type])
    row = {"x": JSON_FORMS.to_stored(db_type, value)}
    assert loaded(dumped(row), "a test") == row
    assert JSON_FORMS.to_python(db_type, row["x"]) == value
