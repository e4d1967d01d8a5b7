"""Rows in the order of an index: by its entries, or by a scan of the table.

A row by its key costs a unit, as 4 KB of a scan do.
"""

import pytest

from nonrel_backend.dynamodb.capacity import measure_capacity
from nonrel_backend.dynamodb.tables import DynamoTable
from nonrel_backend.kv import cached_catalog
from nonrel_backend.kv.commits import LargeCommit

from .things import things  # noqa: F401


@pytest.fixture
def rows(things, monkeypatch):  # noqa: F811
    """Return the manager of 200 rows, of which few are read before a scan."""
    monkeypatch.setattr(DynamoTable, "most_walked", 40)
    monkeypatch.setattr(cached_catalog, "CACHED_SECONDS", 3600)
    things.bulk_create(
        things.model(number=999 - number, text=f"text {number}")
        for number in range(200)
    )
    things.exists()  # the catalog is read
    return things


def numbers_of(query):
    """Return (numbers of the rows of a query, units read)."""
    with measure_capacity() as consumed:
        found = [row.number for row in query]
    return found, consumed.read


def test_a_page_of_an_index_is_read_by_its_entries(rows):
    found, units = numbers_of(rows.order_by("number")[2:5])
    assert (found, units) == ([802, 803, 804], 6)


def test_all_rows_in_order_are_scanned_and_sorted(rows):
    found, units = numbers_of(rows.order_by("-number"))
    assert (found, units < 20) == ([*range(999, 799, -1)], True)


def test_rows_that_are_near_in_the_order_are_found_by_entries(rows):
    query = rows.filter(text__contains="7").order_by("-number")
    found, units = numbers_of(query[:2])
    assert (found, units <= 20) == ([992, 982], True)


@pytest.mark.parametrize("low", [0, 3])
def test_rows_that_are_far_in_the_order_are_found_by_a_scan(rows, low):
    query = rows.filter(text__contains="7").order_by("number", "text")
    expected = [999 - number for number in range(199, 0, -1) if "7" in str(number)]
    # After the first ten rows none is wanted for a while.
    assert numbers_of(query[low:9])[0] == expected[low:9]
    query = rows.filter(text__in=["text 1", "text 2"]).order_by("number")
    found, units = numbers_of(query[:2])
    assert found == [997, 998]
    assert 18 < units < 40  # of 18 rows by their keys, and a scan


def test_rows_far_in_a_range_are_found_within_it(rows):
    query = rows.filter(number__lt=990, text__contains="9").order_by("number")
    expected = [999 - number for number in range(199, 9, -1) if "9" in str(number)]
    assert numbers_of(query[:40])[0] == expected[:40]


def test_rows_are_counted_by_entries_also_where_a_commit_was_left(rows, monkeypatch):
    """Its intents are settled, and not met again by the next count."""
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(LargeCommit, "settle", interrupted)
        rows.bulk_create(rows.model(number=number) for number in range(150))
    assert rows.count() == 350
    with measure_capacity() as consumed:
        assert rows.count() == 350
    assert consumed.requests == 1


def interrupted(commit, state):
    raise KeyboardInterrupt
