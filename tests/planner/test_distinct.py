"""DISTINCT, and the number of rows of a subquery."""

from datetime import UTC, datetime

import pytest
from django.db import NotSupportedError, connection
from django.db.models import Count, F, Value

from .test_rules import answer, books, rule_of

__all__ = ["books"]


@pytest.fixture
def rows(books):
    books.filter(pages__lt=4).update(title="same", pages=0)
    books.filter(pages__gt=9).update(published=datetime(2020, 1, 2, 3, 4, 5, 6, UTC))
    return books


def test_distinct_rows_with_their_key_are_all_rows(rows):
    for queryset in (rows.distinct(), rows.values("pk", "title").distinct()):
        assert rule_of(queryset).rule in ("one_table", "rows")
        assert len(queryset) == queryset.count() == 12


@pytest.mark.parametrize("names", [["title"], ["published"], ["title", "published"]])
def test_distinct_values_are_groups(rows, names):
    queryset = rows.order_by(*names).values_list(*names).distinct()
    expected = answer(queryset, "local")
    assert list(queryset) == expected and len(set(expected)) == len(expected) < 12
    assert queryset.count() == len(expected)
    assert list(queryset.all()[1:3]) == expected[1:3]
    assert queryset.all()[1:3].count() == len(expected[1:3])
    assert list(queryset.all().reverse()) == expected[::-1]
    assert rule_of(queryset).rule == (
        "groups" if connection.vendor == "mongodb" else "local"
    )


def test_distinct_values_across_relations_are_found(rows):
    names = rows.values_list("author__name").distinct().order_by("author__name")
    assert list(names) == [("a0",), ("a1",), ("a2",)] and names.count() == 3
    authors = rows.model.author.field.related_model.objects
    assert authors.filter(books__pages__gt=3).distinct().count() == 3
    assert len(authors.filter(books__pages__gt=3).distinct()) == 3


def test_computed_and_constant_values_are_distinct(rows):
    thirds = rows.annotate(third=F("pages") % 3).values_list("third").distinct()
    assert sorted(thirds, key=str) == [(0,), (1,), (2,)]
    assert thirds.count() == 3
    assert rows.values_list("pages").distinct().aggregate(n=Count("*"))["n"] == 9
    assert rows.none().distinct().count() == 0
    assert rows.filter(pages__gt=99).values("title").distinct().count() == 0


def test_constants_of_no_rows_are_no_row(rows):
    nothing = rows.filter(pages__gt=99)
    for queryset, expected in ((rows, [(1,)]), (nothing, [])):
        ones = queryset.annotate(one=Value(1)).values_list("one").distinct()
        assert list(ones) == list(ones.all()[:1]) == list(ones.all()[:5]) == expected
        assert ones.count() == len(expected)
        assert queryset.distinct().exists() == ones.exists() == bool(expected)
        assert queryset.values("title").distinct().exists() == bool(expected)


def test_the_rows_of_a_page_are_counted(rows):
    assert rows.all()[:5].count() == 5
    assert rows.order_by("pk")[8:].count() == 4
    assert rows.order_by("pk")[20:].count() == 0
    plan = rows.annotate(n=Count("author")).filter(n=1)
    assert plan.count() == 12


def test_distinct_on_is_refused(rows):
    with pytest.raises(NotSupportedError, match="DISTINCT ON"):
        list(rows.distinct("title"))
    with pytest.raises(NotSupportedError, match="DISTINCT ON"):
        list(rows.values("title").distinct("title"))
