"""Names of tables, keys of rows and of entries, and ranges of native indexes."""

import re
from decimal import Decimal

import pytest
from django.db import DataError, NotSupportedError
from hypothesis import example, given
from hypothesis import strategies as st

from nonrel_backend.dynamodb.tables import (
    RANGE,
    DynamoTable,
    partition_name,
    table_name,
)
from nonrel_backend.dynamodb.values import FORMS
from nonrel_backend.kv.encoding import component, following
from nonrel_backend.kv.tables import KEY_INDEX
from tests.kv.test_encoding import VALUES

TYPES = sorted(VALUES)


def make_table(*types, indexes=(), **entry):
    """Return a table "t" whose key has columns of these types, named a, b, c..."""
    columns = [
        {"name": name, "db_type": db_type, "decimal_places": None}
        for name, db_type in zip("abcd", types, strict=False)
    ]
    columns += [{"name": "x", "db_type": "string"}, {"name": "n", "db_type": "int"}]
    return DynamoTable(
        "t",
        {
            "columns": columns,
            "key": [each["name"] for each in columns[:-2]],
            "indexes": [index("x"), *indexes],
            **entry,
        },
        "t",
    )


def index(*parts, **more):
    return {
        "name": "i",
        "unique": False,
        "parts": list(parts),
        "descending": [False] * len(parts),
        **more,
    }


def native_index(table):
    return next(each for each in table.indexes if each.name == KEY_INDEX)


# --- names ---

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)


@given(NAMES, NAMES)
@example("a.b", "a-2Eb")
@example("a", "a-")
@example("x" * 300, "x" * 301)
def test_names_are_dynamodbs_and_different(one, other):
    found = table_name("p.", one)
    assert re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", found)
    assert found.startswith("p.")
    assert (found == table_name("p.", other)) == (one == other)


def test_plain_names_stay_as_they_are():
    assert table_name("", "library_book") == "library_book"
    assert table_name("app.", "a") == "app.a"
    assert table_name("", "a b.c") == "a-20b-2Ec"


def test_names_of_indexes_are_different():
    names = ["a", "b", "a.b", "a~", "~.a", "a~.b", "b.a"]
    pairs = [(one, other) for one in names for other in names]
    assert len({partition_name(*each) for each in pairs}) == len(pairs)


# --- keys of rows ---


def key_values(table, data):
    return {
        name: FORMS.to_stored(
            table.db_type(name), data.draw(VALUES[table.db_type(name)])
        )
        for name in table.key
    }


@pytest.mark.parametrize("types", [[each] for each in TYPES] + [["string", "int"]])
@given(data=st.data())
def test_native_keys_are_those_of_the_items(types, data):
    table = make_table(*types)
    row = key_values(table, data)
    try:
        key = table.row_key(row)
    except DataError:
        assert types[0] in ("decimal", "double")
        assert not table.is_possible(table.key_of(tuple(row.values())))
        return
    native, item = table.native_key(key), table.item_of(row)
    assert list(native) == table.key
    for name in table.key:
        ((tag, one),), ((same_tag, other),) = native[name].items(), item[name].items()
        assert tag == same_tag
        assert Decimal(one) == Decimal(other) if tag == "N" else one == other
    read = table.row_of(item)
    assert table.key_of_item(item, read) == key


@given(data=st.data())
def test_a_key_of_three_columns_has_a_range_of_bytes(data):
    table = make_table("int", "string", "decimal")
    row = key_values(table, data)
    key, item = table.row_key(row), table.item_of(row)
    assert table.native_key(key) == {"a": item["a"], RANGE: item[RANGE]}
    assert table.row_of(item) == row
    assert table.key_of_item(item, {"a": row["a"]}) == key


def test_the_key_schema_has_the_types_of_the_columns():
    table = make_table("uuid", "long")
    assert table.key_schema() == {
        "AttributeDefinitions": [
            {"AttributeName": "a", "AttributeType": "S"},
            {"AttributeName": "b", "AttributeType": "N"},
        ],
        "KeySchema": [
            {"AttributeName": "a", "KeyType": "HASH"},
            {"AttributeName": "b", "KeyType": "RANGE"},
        ],
    }
    assert make_table("bool").key_schema()["AttributeDefinitions"] == [
        {"AttributeName": "a", "AttributeType": "S"}
    ]
    kinds = make_table("int", "int", "int").key_schema()["AttributeDefinitions"]
    assert kinds[1] == {"AttributeName": RANGE, "AttributeType": "B"}


def test_keys_that_are_too_long_are_refused_and_not_found():
    table = make_table("string", "binary")
    table.row_key({"a": "x" * 2048, "b": b"y" * 1024})
    for row, message in [
        ({"a": "é" * 1025, "b": b""}, r"t\.a has 2050 bytes.* 2048 at most"),
        ({"a": "", "b": b"y" * 1025}, r"t\.b has 1025 bytes.* 1024 at most"),
        ({"a": "x" * 10_000, "b": b""}, "more than 2048 bytes"),
    ]:
        with pytest.raises(DataError, match=message):
            table.row_key(row)
        assert not table.is_possible(table.key_of((row["a"], row["b"])))
    with pytest.raises(DataError, match=r"t\.\(b, c\) has"):
        make_table("int", "string", "int").row_key({"a": 1, "b": "x" * 1020, "c": 1})


def test_numbers_that_keys_cannot_be_are_refused():
    for value in ("1E+200", "1" * 40, "Infinity"):
        with pytest.raises(DataError, match=r"t\.a"):
            make_table("decimal").row_key({"a": value})
    for value in (1e300, "inf", "nan"):
        with pytest.raises(DataError, match=r"t"):
            make_table("double").row_key({"a": value})


def test_a_document_is_no_key():
    with pytest.raises(NotSupportedError, match=r"t\.a cannot be a key"):
        make_table("document")


# --- entries ---


def test_keys_of_entries_fit_and_tell_when_they_are_shortened():
    table = make_table("string")
    plain, key_index = table.indexes[0], table.key_index
    long_key = table.row_key({"a": "k" * 500})
    for payload, unique, row_key, marked in [
        (b"p" * 864, False, b"k" * 160, []),
        (b"p" * 865, False, b"k" * 160, [plain]),
        (b"p" * 1024, True, long_key, []),
        (b"p" * 1025, True, long_key, [plain]),
        (b"p", False, long_key, [table.primary]),
    ]:
        key, found = table.entry_key((plain, payload, unique), row_key)
        assert len(key) <= 1024
        assert found == marked
        other, _ = table.entry_key((plain, payload + b"x", unique), row_key)
        assert other != key
    payload = key_index.payloads({"a": "k" * 500})[0][0]
    assert table.entry_key((key_index, payload, False), long_key) == (long_key, [])


def test_what_is_marked_already_is_not_marked_again():
    table = make_table("string", truncated=True, key_truncated=True)
    entry = (table.key_index, b"p" * 2000, False)
    assert table.entry_key(entry, b"p" * 2000)[1] == []
    assert table.entry_key((table.indexes[0], b"p", False), b"k" * 200)[1] == []


def test_entries_are_spread_over_the_buckets():
    table = make_table("int", indexes=[index("n", name="n", buckets=4, id="new")])
    spread = table.indexes[1]
    assert table.partitions(spread) == [f"t.new#{number}" for number in range(4)]
    found = {table.partition(spread, bytes([each])) for each in range(100)}
    assert found == set(table.partitions(spread))
    assert table.partitions(table.key_index) == [f"t.{KEY_INDEX}#0"]
    assert table.partition(table.key_index, b"x") == f"t.{KEY_INDEX}#0"


def test_which_tables_have_entries_of_keys():
    def entries(table):
        row = {"a": 1, "b": 2, "x": "y"}
        return {each[0].name for each in table.entries_of(row)}

    assert entries(make_table("int")) == {"i", KEY_INDEX}
    assert entries(make_table("int", "int")) == {"i"}
    assert entries(make_table("int", unindexed=True, indexes=[])) == {"i"}
    assert entries(make_table("int", indexes=[index("n", kind="global")])) == {
        "i",
        KEY_INDEX,
    }


# --- native indexes ---


@pytest.mark.parametrize("db_type", [each for each in TYPES if each != "bool"])
@given(data=st.data())
def test_bounds_hold_all_entries_of_a_range(db_type, data):
    """Rows of a range compare with its bounds as DynamoDB compares them."""
    table = make_table("int", db_type)
    hash = component(table.encoder("int"))(7)
    encode = component(table.encoder(db_type))
    one, other, value = (
        FORMS.to_stored(db_type, data.draw(VALUES[db_type])) for _ in range(3)
    )
    for low, high in [
        (b"", b"\xff"),
        (b"\x02", encode(one)),
        (encode(one), following(encode(other))),
        (following(encode(one)), b"\x03"),
        (encode(one)[:9], following(encode(one)[:9])),
    ]:
        found = table.bounds(native_index(table), hash + low, hash + high)
        assert found.hash == ("a", {"N": "7"})
        assert found.range == "b"
        if not low <= encode(value) < high:
            continue
        attribute = table.item_of({"a": 7, "b": value})["b"]
        if found.low is not None:
            assert native(found.low) <= native(attribute)
        if found.high is not None:
            assert native(attribute) <= native(found.high)


def native(attribute):
    """Return what compares as DynamoDB compares attributes."""
    ((tag, value),) = attribute.items()
    return {"N": Decimal, "S": str.encode, "B": bytes}[tag](value)


def test_bounds_are_tight_where_the_range_is_one_of_numbers_or_texts():
    table = make_table("string", "int")
    begin = component(table.encoder("string"))("h")
    encode = component(table.encoder("int"))
    found = table.bounds(native_index(table), begin + encode(3), begin + encode(5))
    assert (found.low, found.high) == ({"N": "3"}, {"N": "5"})
    table = make_table("string", "date")
    encode = component(table.encoder("date"))
    found = table.bounds(
        native_index(table), begin + encode("2024-01-01"), begin + b"\x03"
    )
    assert (found.low, found.high) == ({"S": "2024-01-01"}, None)


def test_bounds_of_a_range_of_bytes_are_the_bytes():
    table = make_table("int", "string", "int")
    begin = component(table.encoder("int"))(1)
    found = table.bounds(native_index(table), begin + b"\x02a", begin + b"\x02b")
    assert (found.range, found.low, found.high) == (
        RANGE,
        {"B": b"\x02a"},
        {"B": b"\x02b"},
    )


def test_there_are_no_bounds_without_one_hash():
    table = make_table("int", "int")
    encode = component(table.encoder("int"))
    for low, high in [(b"", b"\xff"), (encode(1), encode(3)), (b"\x01", b"\x02")]:
        assert table.bounds(native_index(table), low, high) is None
    found = table.bounds(native_index(table), encode(1), following(encode(1)))
    assert found.hash == ("a", {"N": "1"})


def test_the_key_of_a_secondary_index_is_that_of_the_columns():
    table = make_table("int", indexes=[index("x", "n", kind="global", name="by_x")])
    (secondary,) = table.secondary
    begin = component(table.encoder("string"))("")
    found = table.bounds(secondary, begin, begin + b"\xff")
    assert found.hash == ("x", {"S": ""})
    assert secondary.native == "by_x"
    row = {"x": "", "n": 5}
    encode = component(table.encoder("int"))
    assert secondary.payload(row) == begin + encode(5)
    assert secondary.payloads(row) == []
