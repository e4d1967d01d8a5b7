"""Keys, terms, predicates and versions, without a server."""

import time
from datetime import date
from decimal import Decimal

from django.db import models
from hypothesis import given
from hypothesis import strategies as st

from nonrel_backend.kv.keys import KeyMaker
from nonrel_backend.riak.client.client import content
from nonrel_backend.riak.resolving import union
from nonrel_backend.riak.tables import escaped, index_name
from nonrel_backend.riak.values import FORMS, key_of, object_key
from nonrel_backend.riak.versions import (
    FEWEST,
    MOST,
    NAME,
    Versions,
    Writes,
    made_id,
    second_of,
    writes_of,
)

to_stored = FORMS.to_stored
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.binary(), st.binary())
def test_terms_sort_like_the_bytes(one, other):
    assert (escaped(one) < escaped(other)) == (one < other)
    assert escaped(one + other).startswith(escaped(one))


@given(st.binary())
def test_terms_are_ascii_that_is_valid_in_http_headers(data):
    assert not set(escaped(data)) - {*range(0x21, 0x7F)}


def test_index_names_differ_where_only_their_case_does():
    assert index_name("by_name") == b"by_name_bin"
    names = {index_name(each) for each in ("A", "a", "b.c", "É", "é")}
    assert len({name.lower() for name in names}) == 5
    assert all(name == name.lower() for name in names)


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


def test_keys_rise_even_if_a_millisecond_has_no_more():
    make = KeyMaker().make
    keys = make(2_000) + make(3)
    assert keys == sorted(set(keys))
    assert 0 < keys[0] < keys[-1] < 2**63


def test_text_keys_rise_and_are_not_in_migrations(databases):
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


def test_the_union_of_versions_keeps_the_members_of_all():
    versions = [
        ({"tags": ["a", "b"], "n": 1}, 1.0),
        ({"tags": ["b", "c"], "n": 2}, 2.0),
    ]
    assert union(versions) == {"tags": ["b", "c", "a"], "n": 2}


# --- versions of one row ---

NOW = time.time()
BASE, A, B, C, AGAIN = (made_id() for _ in range(5))


def version(*last, withdrawn=(), count=None, at=NOW):
    writes = Writes(len(last) if count is None else count, last, withdrawn)
    made = content(b"{}", last_mod=int(at), last_mod_usecs=int(at % 1 * 1e6))
    made.usermeta.add(key=NAME, value=str(writes).encode())
    return made


def note(*withdrawn):
    return version(withdrawn=withdrawn)


def winner(*found, withdrawn=()):
    """Return the version that wins, None if none does yet."""
    versions = Versions(found, withdrawn)
    return versions.in_order()[-1].content if versions.agreed else None


def test_a_version_names_its_writes():
    writes = Writes(3, (A, B), (C,)).plus(AGAIN)
    assert writes == Writes(4, (A, B, AGAIN), (C,))
    assert writes_of(version(*writes.last, withdrawn=(C,), count=4)) == writes
    assert writes_of(content(b"{}")) == Writes()
    for text in (b"", b"x", b"7 short", b"-1", b"7 " + A.encode() + b"/", b"7 /"):
        other = content(b"{}")
        other.usermeta.add(key=NAME, value=text)
        assert writes_of(other) == Writes()


def test_ids_of_writes_tell_their_second_and_differ():
    ids = {made_id() for _ in range(1_000)}
    assert len(ids) == 1_000 and {len(each) for each in ids} == {11}
    assert all(abs(second_of(each) - time.time()) < 5 for each in ids)


def test_a_version_names_the_writes_of_the_last_seconds(monkeypatch):
    writes = Writes()
    for _ in range(MOST + 10):
        writes = writes.plus(made_id())
    assert (writes.count, len(writes.last)) == (MOST + 10, MOST)
    assert writes.has(Writes(MOST + 11, (A,))) is False
    assert writes.has(Writes(10, (A,))) is None
    assert writes.has(Writes(MOST + 10, writes.last)) is True
    later = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: later)
    assert writes.plus(made_id()).last[:-1] == writes.last[1 - FEWEST :]


def test_a_write_is_acknowledged_if_no_other_may_be():
    mine = Writes(2, (BASE, A))
    own, other = version(BASE, A), version(BASE, B)
    assert Versions([own]).acknowledge(mine)
    assert not Versions([own, other]).acknowledge(mine)
    assert Versions([own, other, note(B)]).acknowledge(mine)
    assert not Versions([own, other, version(BASE, C), note(B)]).acknowledge(mine)
    # Others have already added their writes to it.
    assert Versions([version(BASE, A, B), version(BASE, A, C)]).acknowledge(mine)
    # It contains the writes that are older than all it names.
    assert Versions([own, version(BASE, count=1)]).acknowledge(mine)
    late = Writes(40, (A,))
    assert Versions([version(A, count=40), own]).acknowledge(late)
    assert not Versions([other]).acknowledge(mine)
    assert not Versions([]).acknowledge(mine)


def test_no_version_wins_while_others_may_be_acknowledged():
    first, second, third = (version(BASE, each) for each in (A, B, C))
    assert winner(first, second) is None
    # Each of two concurrent writers withdraws, and continues from the other.
    assert winner(first, second, withdrawn=[A]) is second
    assert winner(first, second, withdrawn=[B]) is first
    assert winner(first, second, third, withdrawn=[C]) is None
    assert winner(first, second, third, note(B), withdrawn=[C]) is first
    both = version(BASE, A, AGAIN, withdrawn=(B,))
    assert winner(second, both) is both
    # It does not matter that the write it continued from is withdrawn, too.
    assert winner(second, both, note(A)) is both


def test_if_all_are_withdrawn_the_oldest_with_the_most_writes_wins():
    first, second = version(BASE, A, at=NOW - 0.2), version(BASE, B, at=NOW - 0.1)
    assert winner(second, first, note(A, B)) is first
    more = version(BASE, B, C)
    assert winner(second, first, more, note(A, B, C)) is more


def test_versions_are_open_while_their_writers_may_agree():
    now = time.time()
    recent = [version(BASE, A, at=now), version(BASE, B, at=now)]
    assert Versions(recent).is_open() and Versions(recent).is_busy()
    settled = Versions([*recent, note(B)])
    assert not settled.is_open() and settled.is_busy() and not settled.are_one()
    old = [version(BASE, A, at=NOW - 9), version(BASE, B, at=NOW - 9)]
    assert not Versions(old).is_open() and not Versions(old).is_busy()
    # After a partition, or with another client, the newest wins.
    apart = [version(BASE, A, at=NOW - 99), version(BASE, B)]
    assert Versions(apart).in_order()[-1].content is apart[1]
    another = [version(BASE, A), content(b"{}", last_mod=int(NOW) + 1)]
    assert not Versions(another).is_busy()
    assert Versions(another).in_order()[-1].content is another[1]
