"""Rows that one of several keys or another condition finds."""

from uuid import UUID

from django.db.models import Q


def test_keys_in_any_order_or_another_unique_value_find_all_rows(library):
    keys = [UUID(int=number) for number in (3, 2, 2**64, 1)]
    library.Copy.objects.bulk_create([library.Copy(pk=key) for key in keys])
    condition = Q(pk__in=keys) | Q(seen__isnull=False, shelf="none")
    for more in (condition, Q(pk__in=keys) | Q(seen__in=["2020-01-01T00:00Z"])):
        found = library.Copy.objects.filter(more).values_list("pk", flat=True)
        assert sorted(found) == sorted(keys)
