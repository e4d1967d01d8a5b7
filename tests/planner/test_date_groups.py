"""Groups by parts of dates: the store groups days first, where it groups at all."""

from datetime import date

import pytest
from django.db import connection
from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import (
    Extract,
    ExtractYear,
    Trunc,
    TruncMonth,
    TruncWeek,
)

from .test_rules import answer, rule_of

DAYS = ["1969-12-31", "1970-01-01", "2020-12-31", "2021-01-01", "2021-01-04", None]


@pytest.fixture
def authors(library):
    days = [None if day is None else date.fromisoformat(day) for day in DAYS]
    library.Author.objects.bulk_create(
        library.Author(name=f"a{n % 4}", email=f"{n}@x", born=days[n * n % 7 % 6])
        for n in range(30)
    )
    return library.Author.objects


PARTS = {
    "year": ExtractYear("born"),
    "month": TruncMonth("born"),
    "week": TruncWeek("born"),
    "trunc": Trunc("born", "quarter"),
    "extract": Extract("born", "year"),
}
FILTERS = {
    "all": Q(),
    "known": Q(born__isnull=False),
    "other": Q(name__in=["a1", "a2"]),
    "both": Q(born__isnull=False, name="a1"),
    "later": Q(born__gt=date(1970, 1, 1)),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("filtered", FILTERS)
def test_groups_by_parts_of_dates_are_those_of_rows(authors, part, filtered):
    rows = authors.filter(FILTERS[filtered]).values(x=PARTS[part])
    for found in (
        rows.annotate(n=Count("pk")).order_by("x"),
        rows.annotate(n=Count("pk"), all=Count("*"))
        .filter(n__gt=1)
        .order_by("-n", "x"),
        rows.annotate(n=Max("name"), m=Count("born"), s=Sum("pk")).order_by("x"),
        rows.distinct().order_by("x"),
        rows.distinct().order_by("-x")[1:3],
    ):
        values = found.values_list(*found.query.annotation_select)
        assert list(values) == answer(values, "local")


@pytest.mark.parametrize("kind", ["year", "month", "week", "day"])
def test_dates_are_groups_of_the_store(authors, kind):
    found = authors.dates("born", kind)
    assert list(found) == sorted({each for (each,) in answer(found, "local")})
    assert len(found) > 2 and list(found.reverse()) == list(found)[::-1]
    if connection.vendor == "mongodb":
        assert rule_of(found).rule == "groups"
        assert found.explain().count("'$group'") == 2
