"""What the query log shows of UPDATE and DELETE."""

from datetime import date

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThan
from django.test.utils import CaptureQueriesContext


@pytest.fixture
def authors(library):
    library.Author.objects.create(name="a", email="a@x")
    return library.Author.objects


def logged(work) -> str:
    """Return the UPDATE or DELETE that `work()` leaves in the query log."""
    with CaptureQueriesContext(connection) as queries:
        work()
    entries = [each["sql"] for each in queries.captured_queries]
    (entry,) = (each for each in entries if each.startswith(("UPDATE", "DELETE")))
    return entry


def test_an_update_by_key_shows_why_it_is_not_native(authors):
    found = authors.filter(books__title="t")
    entry = logged(lambda: found.update(name="b"))
    assert "; by key, because " in entry and "a subquery" in entry


def test_an_update_of_validated_rows_shows_why_it_is_not_native(library, authors):
    entry = logged(lambda: library.Book.objects.update(pages=F("pages") + 1))
    assert "; by key, because " in entry


def test_a_delete_by_key_shows_why_it_is_not_native(authors):
    found = authors.filter(GreaterThan(Length("name"), 1))
    entry = logged(lambda: found._raw_delete("default"))
    assert "; by key, because " in entry


def test_a_native_update_shows_no_reason(authors):
    entry = logged(lambda: authors.filter(name="a").update(born="2000-01-01"))
    assert "because" not in entry


@pytest.mark.parametrize(
    ("sql", "params", "shown"),
    [
        ("SELECT %s, %s, '%%'", [None, 3], "SELECT NULL, 3, '%'"),
        ("SELECT %s", ["it's"], "SELECT 'it''s'"),
        ("SELECT %s", [b"\x00\xff"], "SELECT X'00FF'"),
        (
            "SELECT %(a)s, %(a)s",
            {"a": date(2020, 1, 2)},
            "SELECT '2020-01-02', '2020-01-02'",
        ),
        ("SELECT '%'", None, "SELECT '%'"),
    ],
)
def test_the_log_shows_texts_with_their_parameters(library, sql, params, shown):
    with CaptureQueriesContext(connection) as queries, connection.cursor() as cursor:
        cursor.execute(sql, params)
    assert queries[0]["sql"] == shown
