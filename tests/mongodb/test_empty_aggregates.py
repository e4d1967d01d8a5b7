"""Aggregates of no row, which Django answers without asking a database."""

import pytest
from django.db.models import Count, Min, Q, Sum


def counts(library, aggregate, alias):
    """Return how many groups are found by conditions on an aggregate of no row."""
    genres = library.Genre.objects.using(alias)
    genres.bulk_create(library.Genre(pk=key, name=f"g{key}") for key in (1, 2))
    rows = genres.annotate(n=aggregate("pk", filter=Q(pk__in=[])))
    queries = (rows, rows.exclude(n=1), rows.filter(n=1), rows.filter(~Q(n=1)))
    return [len(query) for query in queries]


@pytest.mark.parametrize("aggregate", [Min, Sum, Count])
def test_groups_without_rows_are_filtered_as_on_sqlite(library, aggregate):
    found = counts(library, aggregate, "default")
    assert found == counts(library, aggregate, "oracle")
