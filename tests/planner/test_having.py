"""HAVING on aggregates of a to-many relation, for the first rows of their order."""

import pytest
from django.db import connection
from django.db.models import Avg, Count, Max, Min, Q, Sum

from .test_related_extremes import missing_key
from .test_rules import answer, rule_of


@pytest.fixture
def authors(library):
    library.Author.objects.bulk_create(
        library.Author(name=f"a{n}", email=f"{n}@x") for n in range(8)
    )
    authors = list(library.Author.objects.order_by("name"))
    library.Book.objects.bulk_create(
        library.Book(title=f"t{n:02}", author=authors[n % 7 % (n % 5 + 1)], pages=n)
        for n in range(40)
    )
    return library.Author.objects


RANKED = {
    "count": lambda rows: rows.annotate(n=Count("books")).filter(n__gt=4),
    "greatest": lambda rows: rows.annotate(n=Max("books__pages")).filter(n__gte=30),
    "known": lambda rows: rows.annotate(n=Min("books__pages")).exclude(n=None),
    "two": lambda rows: rows.annotate(n=Sum("books__pages"), m=Count("books")).filter(
        Q(m=3) | Q(n__gt=50), m__gt=0
    ),
    "empty": lambda rows: rows.annotate(n=Count("books")).filter(n__gt=99),
    "not selected": lambda rows: rows.annotate(n=Avg("books__pages")).filter(
        Q(n__lt=35) & ~Q(n__lt=2)
    ),
}


@pytest.mark.parametrize("name", RANKED)
@pytest.mark.parametrize("way", ["n", "-n"])
def test_the_first_groups_are_those_of_the_whole_order(authors, name, way):
    rows = RANKED[name](authors).order_by(way, "pk").values_list("pk", "name", "n")
    expected = answer(rows, "local")
    for low, high in ((0, 3), (1, 2), (2, 30)):
        page = rows[low:high]
        assert list(page) == expected[low:high]
        if connection.vendor == "mongodb":
            assert rule_of(page).decision().startswith("rule: related_groups")


@pytest.mark.parametrize(
    "filtered",
    [
        lambda rows: rows.annotate(n=Count("books")).filter(n__lt=4),
        lambda rows: rows.annotate(n=Count("books")).filter(n__gte=0),
        lambda rows: rows.annotate(n=Max("books__pages")).filter(n=None),
        lambda rows: rows.annotate(n=Count("books")).filter(Q(n__gt=4) | Q(n=0)),
        lambda rows: rows.annotate(n=Count("books")).filter(~Q(n__gt=4)),
    ],
)
def test_rows_without_related_ones_are_found_too(authors, filtered):
    rows = filtered(authors).order_by("-n", "pk").values_list("pk", "n")
    expected = answer(rows, "local")
    assert len(expected) > 1 and list(rows[:3]) == expected[:3]
    decision = rule_of(rows[:3]).decision()
    assert decision.startswith(("rule: local", "rule: partial_groups"))


def test_a_group_without_a_row_takes_no_place_before_the_slice(authors, library):
    key = missing_key(authors.first().pk)
    library.Book.objects.bulk_create(
        library.Book(title="t", author_id=key, pages=1) for _ in range(50)
    )
    for rows in (
        authors.annotate(n=Count("books")).filter(n__gt=0),
        authors.annotate(n=Count("books")),
    ):
        rows = rows.order_by("-n", "pk").values_list("name", "n")
        assert list(rows[1:3]) == answer(rows, "local")[1:3]
