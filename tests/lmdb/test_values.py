"""Values are read exactly as they were stored, or rejected with a clear error."""

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import DatabaseError, DataError
from hypothesis import given
from hypothesis import strategies as st

from nonrel_backend.lmdb.values import (
    FORMS,
    JSON_NULL,
    pack,
    pack_row,
    patch_rows,
    to_stored,
    unpack,
    unpack_columns,
    unpack_row,
    unpack_rows,
)
from nonrel_backend.query import Json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.just(2**200),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
VALUES = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "string": st.text(st.characters(exclude_categories=["Cs"])),
    "binary": st.binary(),
    "date": st.dates(),
    "datetime": st.datetimes(),
    "time": st.times(),
    "duration": st.timedeltas(timedelta(days=-(10**8)), timedelta(days=10**8)),
    "decimal": st.decimals(allow_nan=False),
    "uuid": st.uuids(),
    "json": JSON,
}


def round_trip(db_type, value):
    (stored,) = unpack(pack([to_stored(db_type, value)]))
    return FORMS.to_python(db_type, stored)


@given(st.data(), st.sampled_from(sorted(VALUES)))
def test_values_come_back_as_they_were(data, db_type):
    value = data.draw(VALUES[db_type])
    found = round_trip(db_type, Json(value) if db_type == "json" else value)
    assert found == value
    assert type(found) is type(value)
    assert str(found) == str(value)  # -0.0, 2.50 and the like


@given(
    st.lists(
        st.integers()
        | st.decimals()
        | st.datetimes()
        | st.dates()
        | st.times()
        | st.timedeltas()
        | st.uuids()
        | st.binary()
        | st.text()
    )
)
def test_values_of_unknown_columns_come_back_as_they_were(row):
    found = unpack(pack(row))
    assert [str(value) for value in found] == [str(value) for value in row]
    assert [type(value) for value in found] == [type(value) for value in row]


def test_nan_comes_back():
    assert math.isnan(round_trip("double", math.nan))
    assert round_trip("decimal", Decimal("NaN")).is_nan()


def test_json_null_is_not_sql_null():
    assert unpack(pack([to_stored("json", Json(None)), None])) == [JSON_NULL, None]
    assert round_trip("json", Json(None)) is None


def test_json_keys_are_converted_to_text():
    assert round_trip("json", Json({2: "a", True: "b", None: "c", 1.5: (1, 2)})) == {
        "2": "a",
        "true": "b",
        "null": "c",
        "1.5": [1, 2],
    }


def test_aware_datetimes_are_stored_in_utc():
    zone = datetime(2020, 1, 1, 12, tzinfo=UTC).astimezone()
    assert round_trip("datetime", zone) == datetime(2020, 1, 1, 12)


@pytest.mark.parametrize(
    ("db_type", "value"),
    [
        ("int", 2**63),
        ("long", -(2**63) - 1),
        ("duration", timedelta.max),
        ("string", "\ud800"),
        ("decimal", "one"),
    ],
)
def test_values_that_no_column_can_hold_are_rejected(db_type, value):
    with pytest.raises(DataError):
        to_stored(db_type, value)


def test_json_that_is_too_deep_is_rejected():
    value: list = []
    for _ in range(3000):
        value = [value]
    with pytest.raises((DataError, RecursionError)):
        pack([value])


@given(st.binary())
def test_any_bytes_are_a_value_or_a_database_error(data):
    try:
        unpack(data)
    except DatabaseError:
        pass


@given(st.data())
def test_damaged_rows_are_rows_or_database_errors(data):
    row = [1, "text", 2**70, UUID(int=5), Decimal("1.5"), datetime(2020, 1, 1), b"x"]
    damaged = bytearray(
        pack([*row, date(2020, 1, 1), time(1), timedelta(1), JSON_NULL])
    )
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(
            st.integers(0, 255)
        )
    try:
        assert isinstance(unpack_row(bytes(damaged), 11), list)
    except DatabaseError:
        pass


@pytest.mark.parametrize(
    ("db_type", "stored"),
    [
        ("date", 10**12),
        ("datetime", 2**62),
        ("time", -1),
        ("time", "noon"),
        ("uuid", b"short"),
        ("decimal", "1.2.3"),
        ("duration", "long"),
    ],
)
def test_a_stored_value_of_another_type_is_a_database_error(db_type, stored):
    with pytest.raises(DatabaseError, match="which is not a"):
        FORMS.to_python(db_type, stored)


# --- some columns of rows ---

PLAIN = st.none() | st.booleans() | st.integers() | st.text()
STORED = PLAIN | st.just(JSON_NULL) | JSON
ROWS = st.lists(st.tuples(STORED, STORED, STORED).map(list), max_size=12)


@given(ROWS, st.permutations(range(3)), st.integers(0, 3), st.booleans())
def test_some_columns_are_those_of_the_whole_rows(rows, order, number, checksums):
    positions = order[:number]
    packed = [pack_row(row, checksums) for row in rows]
    found = unpack_columns(packed, 3, positions, checksums)
    assert repr(found) == repr([tuple([row[at] for at in positions]) for row in rows])


@given(ROWS, st.dictionaries(st.integers(0, 2), STORED, min_size=1), st.booleans())
def test_changed_values_are_put_in_their_places(rows, values, checksums):
    packed = [pack_row(row, checksums) for row in rows]
    changes = {at: lambda old, new=new: new for at, new in values.items()}
    found = patch_rows(packed, 3, changes, checksums)
    if len(rows) < 4:
        assert found is None  # each is unpacked as a whole
        return
    expected = [[values.get(at, row[at]) for at in range(3)] for row in rows]
    assert repr(unpack_rows(found, 3, checksums)) == repr(expected)
    for before, after, row, new in zip(packed, found, rows, expected, strict=True):
        assert (before is after) == (repr(row) == repr(new))


@pytest.mark.parametrize("checksums", [False, True])
def test_rows_from_before_a_column_was_added_have_null_in_it(checksums):
    rows = [[1, "a"], [2, "b"], [3, "c", "d"], [4, "e"], [5, "f"]]
    packed = [pack_row(row, checksums) for row in rows]
    found = unpack_columns(packed, 3, [2, 0], checksums)
    assert found == [(None, 1), (None, 2), ("d", 3), (None, 4), (None, 5)]
    assert patch_rows(packed, 3, {2: str}, checksums) is None


@given(st.data())
def test_damage_of_a_row_with_a_checksum_is_an_error(data):
    packed = [pack_row([number, "text", 2.5], True) for number in range(8)]
    damaged = bytearray(packed[5])
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(
        st.integers(1, 255)
    )
    packed[5] = bytes(damaged)
    with pytest.raises(DatabaseError, match="damaged"):
        unpack_columns(packed, 3, [1], True)
    assert patch_rows(packed, 3, {1: str}, True) is None
