"""Rows are items of DynamoDB's own types, and come back the same."""

from decimal import Context, Decimal
from uuid import UUID

import pytest
from django.db import DatabaseError, DataError
from hypothesis import given
from hypothesis import strategies as st

from nonrel_backend.dynamodb.items import (
    LARGEST_ITEM,
    check_size,
    item_size,
    row_reader,
    row_writer,
)
from nonrel_backend.dynamodb.values import FORMS, StoredSet
from nonrel_backend.kv.layouts import differs
from nonrel_backend.values.wrappers import Json
from tests.kv.test_encoding import VALUES

WIDE = Context(prec=1_000, Emax=10**9, Emin=-(10**9))
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(
    ["", "$", "$$", "$float", "$$int", "$int", "$x"]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**45), 10**45)
    | st.sampled_from([10**125, 10**126, -(10**37), 1.0, -0.0, 5e-324, 1e300, 1e-130])
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=8,
)


def normalized(attribute):
    """Return an attribute value as DynamoDB returns it: its numbers in one form."""
    ((tag, value),) = attribute.items()
    if tag == "N":
        number = Decimal(value)
        assert len(number.normalize(WIDE).as_tuple().digits) <= 38
        assert not number or -130 <= number.adjusted() <= 125
        value = format(number.normalize(WIDE), "f") if number else "0"
    elif tag == "M":
        assert "" not in value
        # DynamoDB's maps have no order.
        value = {key: normalized(value[key]) for key in sorted(value, reverse=True)}
    elif tag == "L":
        value = list(map(normalized, value))
    return {tag: value}


def returned(column, value, key=()):
    """Return the stored value of a column after writing and reading it."""
    columns = {"c": {"name": "c", **column}}
    item = row_writer(columns, key)({"c": value})
    stored = {name: normalized(each) for name, each in item.items()}
    row = row_reader("t", columns, key)(stored)
    return row.get("c")


def same(one, other):
    return type(one) is type(other) and repr(one) == repr(other)


@pytest.mark.parametrize("db_type", sorted(VALUES))
@given(data=st.data())
def test_values_come_back_the_same(db_type, data):
    value = FORMS.to_stored(db_type, data.draw(VALUES[db_type]))
    found = returned({"db_type": db_type}, value)
    assert same(found, value)


@given(VALUES["decimal"])
def test_decimals_come_back_equal_with_their_places(value):
    column = {"db_type": "decimal", "decimal_places": 2}
    stored = FORMS.to_stored("decimal", value)
    found = returned(column, stored)
    assert Decimal(found) == value
    if value.is_finite() and value == value.quantize(Decimal("0.01"), context=WIDE):
        if abs(value) < 10**30 and "E" not in stored:
            assert len(found.partition(".")[2]) == 2


@given(JSON)
def test_json_comes_back_the_same(value):
    stored = FORMS.to_stored("json", Json(value))
    found = returned({"db_type": "json"}, stored)
    assert same(found, value)
    assert not differs(found, value)


@pytest.mark.parametrize("value", ["", "\0", "\0\0a", "a"])
def test_texts_of_keys_are_not_empty_and_come_back(value):
    write = row_writer({"c": {"name": "c", "db_type": "string"}}, ["c"])
    assert write({"c": value})["c"]["S"] > ""
    assert returned({"db_type": "string"}, value, ["c"]) == value
    assert returned({"db_type": "binary"}, value.encode(), ["c"]) == value.encode()


@given(st.lists(VALUES["string"], min_size=2))
def test_texts_of_keys_keep_their_order(values):
    write = row_writer({"c": {"name": "c", "db_type": "string"}}, ["c"])
    assert sorted(values, key=lambda each: write({"c": each})["c"]["S"]) == sorted(
        values
    )


def test_items_are_plain_to_others():
    columns = {
        name: {"name": name, "db_type": db_type, **more}
        for name, db_type, more in [
            ("id", "long", {}),
            ("price", "decimal", {"decimal_places": 2}),
            ("rate", "double", {}),
            ("tags", "document", {"set": True}),
            ("data", "json", {}),
            ("null", "json", {}),
        ]
    }
    row = {
        "id": 1,
        "price": "12.50",
        "rate": 0.1,
        "tags": ["a", "b"],
        "data": {"n": 1, "f": 0.5, "l": [True, None]},
        "null": None,
    }
    assert row_writer(columns, ["id"])(row) == {
        "id": {"N": "1"},
        "price": {"N": "12.50"},
        "rate": {"N": "0.1"},
        "tags": {"SS": ["a", "b"]},
        "data": {
            "M": {
                "n": {"N": "1"},
                "f": {"N": "0.5"},
                "l": {"L": [{"BOOL": True}, {"NULL": True}]},
            }
        },
        "null": {"NULL": True},
        "_o": {"S": '{"data":[["n","f","l"],{}]}'},
    }


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ({"SS": ["b", "a"]}, ["a", "b"]),
        ({"NS": ["10", "2", "0.5"]}, [0.5, 2, 10]),
        ({"BS": [b"b", b"a"]}, [b"a", b"b"]),
    ],
)
def test_sets_of_others_stay_sets(attribute, value):
    columns = {"c": {"name": "c", "db_type": "document"}}
    row = row_reader("t", columns, [])({"c": attribute})
    assert row == {"c": value}
    (written,) = row_writer(columns, [])(row).values()
    ((tag, items),) = written.items()
    assert {tag: sorted(items)} == {each: sorted(x) for each, x in attribute.items()}


@pytest.mark.parametrize("items", [[], ["a", 1], [1.0, 2.0], [True], [[1]], ["a", "a"]])
def test_what_is_no_set_is_a_list(items):
    found = row_writer({"c": {"name": "c", "db_type": "document"}}, [])(
        {"c": StoredSet(items)}
    )
    assert list(found["c"]) == ["L"]


def test_attributes_of_others_are_left_out_and_their_nulls_are_null():
    columns = {
        "a": {"name": "a", "db_type": "string"},
        "d": {"name": "d", "db_type": "document"},
        "j": {"name": "j", "db_type": "json"},
    }
    null = {"NULL": True}
    row = row_reader("t", columns, [])(
        {"x": {"S": "?"}, "a": null, "d": null, "j": null}
    )
    assert row == {"j": None}


@pytest.mark.parametrize(
    ("db_type", "attribute"),
    [
        ("string", {"N": "1"}),
        ("int", {"S": "1"}),
        ("int", {"N": "1.5"}),
        ("bool", {"N": "1"}),
        ("binary", {"S": "a"}),
        ("decimal", {"S": "abc"}),
        ("double", {"BOOL": True}),
    ],
)
def test_a_value_of_another_type_is_a_clear_error(db_type, attribute):
    read = row_reader("t", {"c": {"name": "c", "db_type": db_type}}, [])
    with pytest.raises(DatabaseError, match=rf"^t\.c: .*which is not a {db_type}"):
        read({"c": attribute})


@pytest.mark.parametrize(
    ("db_type", "ours", "another"),
    [
        ("date", "2026-01-31", "31/01/2026"),
        ("datetime", "2026-01-31T08:00:00.000000", "2026-01-31T08:00:00.000000+0200"),
        ("time", "08:00:00.000000", "08:00"),
        ("uuid", str(UUID(int=15)), str(UUID(int=15)).upper()),
    ],
)
def test_texts_of_others_in_another_form_are_a_clear_error(db_type, ours, another):
    """They are neither compared nor sorted as ours are."""
    columns = {"c": {"name": "c", "db_type": db_type}}
    read = row_reader("t", columns, [], is_ours=False)
    assert read({"c": {"S": ours}, "x": {"S": another}}) == {"c": ours}
    with pytest.raises(DatabaseError, match=rf"^t\.c: .*{db_type}\. .*another form"):
        read({"c": {"S": another}})


def test_documents_that_are_too_deep_are_refused():
    value = []
    for _ in range(28):
        value = [value]
    assert returned({"db_type": "json"}, value) == value
    with pytest.raises(DataError, match="29 levels"):
        returned({"db_type": "json"}, [value])


def test_what_dynamodb_cannot_hold_is_refused_before_the_commit():
    for value in (10**5000, "\ud800", {"\ud800": 1}, [{"a": 10**5000}]):
        with pytest.raises(DataError):
            FORMS.to_stored("json", Json(value))


def test_sizes_are_those_of_the_documentation():
    assert item_size({"ab": {"S": "é"}}) == 4
    assert item_size({"a": {"N": "27"}, "b": {"N": "-27"}}) == 3 + 4
    assert item_size({"a": {"L": [{"BOOL": True}]}}) == 1 + 3 + 2
    check_size("t", 1, {"a": {"B": bytes(LARGEST_ITEM - 1)}})
    with pytest.raises(DataError, match=r"row 1 of t has 409,601 .* 409,600 .* a, 409"):
        check_size("t", 1, {"a": {"B": bytes(LARGEST_ITEM)}})
