"""Rows beside the first related row of each, and whether there is one."""

import pytest
from django.db import connection
from django.db.models import Exists, OuterRef, Subquery
from django.test.utils import CaptureQueriesContext

from nonrel_backend.planner.plans import first_related


@pytest.fixture
def authors(library):
    """Three authors with two, one and no books; one book has no title to compare."""
    found = [
        library.Author.objects.create(name=name, email=f"{name}@x") for name in "abc"
    ]
    for title, author, pages, rating in [
        ("old", 0, 1, 1.5),
        ("new", 0, 2, None),
        ("only", 1, 2, 2.5),
    ]:
        library.Book.objects.create(
            title=title, author=found[author], pages=pages, rating=rating
        )
    library.Book.objects.create(title="lost", author_id=999, pages=9)
    return library.Author.objects.order_by("name")


def rule_of(queryset):
    return queryset.explain().splitlines()[-1]


@pytest.mark.parametrize("last", ["pk", "-pk", "title"])
@pytest.mark.parametrize("most", [0, 1000])
def test_the_first_related_row_of_each_is_found(
    authors, library, monkeypatch, most, last
):
    monkeypatch.setattr(first_related, "ROWS_FOR_ALL", most)
    monkeypatch.setattr(first_related, "ROWS_FOR_A_KEY", 0)
    books = library.Book.objects.filter(author=OuterRef("pk")).order_by("-pages", last)
    found = authors.annotate(
        latest=Subquery(books.values("title")[:1]),
        rating=Subquery(books.values("rating")[:1]),
    )
    rows = [(each.name, each.latest, each.rating) for each in found]
    assert rows == [("a", "new", None), ("b", "only", 2.5), ("c", None, None)]
    assert list(found.values_list("latest", flat=True)[1:]) == ["only", None]
    rule = rule_of(found)
    assert rule.startswith("rule: first_related") or connection.display_name in rule
    if connection.vendor == "mongodb" and rule.startswith("rule: first_related"):
        with CaptureQueriesContext(connection) as queries:
            list(found.all())
        assert ("$group" in queries[0]["sql"]) == (last == "-pk" and most == 1000)


def test_exists_is_shown_beside_each_row(authors, library):
    books = library.Book.objects.filter(author=OuterRef("pk"), pages=2)
    found = authors.annotate(has=Exists(books), lacks=~Exists(books))
    rows = [(each.name, each.has, each.lacks) for each in found]
    assert rows == [("a", True, False), ("b", True, False), ("c", False, True)]
    rule = rule_of(found)
    assert rule.startswith("rule: first_related") or connection.display_name in rule


def test_a_row_without_the_key_has_no_related_row(library, authors):
    mentors = library.Author.objects.filter(pk=OuterRef("mentor")).order_by("pk")
    first = authors[0]
    library.Author.objects.filter(name="b").update(mentor=first)
    library.Author.objects.filter(name="c").update(mentor=999)
    found = authors.annotate(by=Subquery(mentors.values("name")[:1]))
    assert [each.by for each in found] == [None, "a", None]
