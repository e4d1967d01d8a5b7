"""Aggregates of no row, which Django answers without asking a database."""

import pytest
from django.db.models import Count, Min, Q, Sum


@pytest.mark.parametrize("aggregate", [Min, Sum, Count])
def test_groups_without_rows_are_filtered_as_on_sqlite(library, aggregate):
    for alias in ("default", "oracle"):
        for key in (1, 2):
            library.Genre.objects.using(alias).create(pk=key, name=f"g{key}")
    counts = {
        alias: [
            query.count()
            for query in (
                rows := library.Genre.objects.using(alias).annotate(
                    n=aggregate("pk", filter=Q(pk__in=[]))
                ),
                rows.exclude(n=1),
                rows.filter(n=1),
                rows.filter(~Q(n=1)),
            )
        ]
        for alias in ("default", "oracle")
    }
    assert counts["default"] == counts["oracle"]
