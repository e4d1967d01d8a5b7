"""Groups by a part of a date that an index has are made of the index alone."""

from datetime import date

import pytest
from django.db.models import Count
from django.db.models.functions import ExtractYear

from nonrel_backend.mongodb import date_groups


@pytest.mark.parametrize("known", [False, True])
def test_rows_are_counted_in_the_order_of_an_index(library, monkeypatch, known):
    days = [None, date(2020, 1, 1), date(2020, 5, 1), date(2021, 1, 1), None]
    for number, day in enumerate(days):
        library.Author.objects.create(name="a", email=f"{number}@x", born=day)
    rows = library.Author.objects.values(year=ExtractYear("born"))
    rows = rows.annotate(n=Count("pk")).order_by("year")
    if known:
        rows = rows.filter(born__isnull=False)
    assert "'$sort': {'born': 1}" not in rows.explain()
    expected = list(rows)
    monkeypatch.setattr(date_groups, "is_indexed", lambda query, column: True)
    assert "'$sort': {'born': 1}" in rows.explain()
    assert list(rows) == expected
    numbers = [] if known else [{"year": None, "n": 2}]
    assert expected == [*numbers, {"year": 2020, "n": 2}, {"year": 2021, "n": 1}]
