"""Keys, terms and conditions of Riak's backend, with no server."""

import time
from datetime import date
from decimal import Decimal

from django.db import models
from hypothesis import given
from hypothesis import strategies as st

from nonrel_backend.riak.client.client import content
from nonrel_backend.riak.keys import KeyMaker
from nonrel_backend.riak.resolving import union
from nonrel_backend.riak.terms import descending, escaped, index_name, number, term
from nonrel_backend.riak.transforms import transform_of
from nonrel_backend.riak.values import key_of, object_key, to_stored
from nonrel_backend.riak.versions import (
    NAME,
    Writes,
    in_order,
    is_open,
    standing,
    writes_of,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT, TEXT)
def test_terms_of_text_sort_as_its_bytes_do(one, other):
    assert (escaped(one) < escaped(other)) == (one.encode() < other.encode())
    assert escaped(one + other).startswith(escaped(one))


@given(TEXT)
def test_terms_go_through_a_header(text):
    assert not set(escaped(text)) & {*range(0x21), 0x7F}


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_terms_of_numbers_sort_as_they_do(one, other):
    assert (number(one) < number(other)) == (one < other)


@given(st.decimals(allow_nan=False), st.decimals(allow_nan=False))
def test_terms_of_decimals_never_turn_their_order(one, other):
    if one <= other:
        found = [term("decimal", to_stored("decimal", each)) for each in (one, other)]
        assert found == sorted(found)


@given(st.lists(TEXT, min_size=2, max_size=2))
def test_descending_terms_of_text_sort_the_other_way_round(texts):
    one, other = (descending("string", term("string", each)) for each in texts)
    assert (one < other) == (texts[0].encode() > texts[1].encode())
    assert not set(one) & {*range(0x21), 0x7F}


INT64 = st.integers(-(2**63), 2**63 - 1)


@given(INT64, INT64)
def test_descending_terms_of_integers_sort_the_other_way_round(first, second):
    one, other = (descending("long", term("long", each)) for each in (first, second))
    assert (one < other) == (first > second)


@given(st.dates(), st.dates())
def test_terms_of_dates_sort_as_they_do(one, other):
    terms = [term("date", to_stored("date", each)) for each in (one, other)]
    assert (terms[0] < terms[1]) == (one < other)


def test_index_names_end_with_their_kind():
    assert index_name("Pages", "int") == b"pages_int"
    assert index_name("title", "string") == b"title_bin"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_equal_decimals_have_one_key(value):
    text = key_of("decimal", str(value))
    assert text == key_of("decimal", str(value * Decimal("1.000")))


def test_long_decimals_keep_their_digits_in_keys():
    one, other = "1" * 40, "1" * 39 + "2"
    assert key_of("decimal", one) != key_of("decimal", other)


def test_keys_of_objects():
    assert object_key(["string"], ["a"]) == b"a"
    assert object_key(["string"], [""]) == b"~"
    assert object_key(["string"], ["~a"]) == b"~~a"
    assert object_key(["string", "int"], ["a", 7]) == b'["a","7"]'
    assert object_key(["date"], [to_stored("date", date(2024, 1, 2))]) == b"2024-01-02"


def test_keys_rise_also_where_a_millisecond_has_no_more_of_them():
    make = KeyMaker().make
    keys = make(2_000) + make(3)
    assert keys == sorted(set(keys))
    assert 0 < keys[0] < keys[-1] < 2**63


def test_keys_of_text_rise_and_are_no_part_of_a_migration(databases):
    from nonrel_backend.riak.fields import KeyAutoField, make_key

    keys = [make_key() for _ in range(600)]
    assert keys == sorted(set(keys)) and {len(key) for key in keys} == {13}
    field = KeyAutoField()
    assert isinstance(field, models.CharField) and field.primary_key
    assert field.deconstruct()[1:] == (
        "nonrel_backend.riak.fields.KeyAutoField",
        [],
        {"primary_key": True, "editable": False},
    )


def test_transforms_are_known_by_their_text():
    assert transform_of({"sql": '(LOWER("a"))', "columns": ["a"]}) == ("a", "folded")
    assert transform_of({"sql": '(REVERSE("a"))'}) == ("a", "reversed")
    assert transform_of({"sql": '(LOWER("a" || "b"))'}) is None
    assert transform_of("a") is None


def test_the_union_of_versions_keeps_the_members_of_all():
    versions = [
        ({"tags": ["a", "b"], "n": 1}, 1.0),
        ({"tags": ["b", "c"], "n": 2}, 2.0),
    ]
    assert union(versions) == {"tags": ["b", "c", "a"], "n": 2}


def version(count, *last, at=100.0):
    writes = Writes(count, last)
    made = content(b"{}", last_mod=int(at), last_mod_usecs=int(at % 1 * 1e6))
    made.usermeta.add(key=NAME, value=str(writes).encode())
    return made


def test_versions_say_which_writes_they_have_in_them():
    writes = Writes(3, ("a", "b")).plus("c")
    assert writes_of(version(writes.count, *writes.last)) == writes
    for _ in range(100):
        writes = writes.plus("d")
    assert writes.count == 104 and len(str(writes)) < 100
    assert writes_of(content(b"{}")) == Writes()


def test_of_writers_who_met_the_first_one_stands():
    first, second = version(2, "o", "a", at=1.0), version(2, "o", "b", at=1.5)
    both = version(3, "o", "a", "b", at=1.2)
    assert in_order([first, second])[-1] is first
    assert in_order([both, first, second])[-1] is both
    # Not one's own, which the other may not have seen, nor one of another time.
    assert standing([first, second], "a") is second
    assert in_order([first, version(2, "o", "b", at=99.0)])[-1] is not first
    assert in_order([first, content(b"{}", last_mod=2)])[-1] is not first


def test_a_third_writer_waits_until_two_others_agree():
    now = time.time()
    first, second = version(2, "a", at=now), version(2, "b", at=now)
    third, both = version(2, "c", at=now), version(3, "a", "b", at=now)
    assert is_open([first, second, third], "c")
    assert is_open([first, second])
    assert not is_open([first, third], "c")
    assert not is_open([both, third], "c")
    assert not is_open([both, version(3, "b", "a", at=now)])
    assert not is_open([version(2, "a", at=1.0), version(2, "b", at=1.0)])
