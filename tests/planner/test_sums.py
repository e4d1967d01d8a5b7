"""Sums past 64 bits: an error, as on SQLite, and no rounded number."""

import pytest
from django.apps.registry import Apps
from django.db import OperationalError, models
from django.db.models import Sum

from tests.tables import tables_of


@pytest.fixture
def amounts(library):
    class Amount(models.Model):
        group = models.IntegerField()
        number = models.BigIntegerField()

        class Meta:
            app_label = "library"
            apps = Apps()

    with tables_of(Amount):
        rows = [(1, 2**63 - 1), (1, 2**62), (2, 2**62), (2, 2**62 - 1)]
        for group, number in rows:
            Amount.objects.create(group=group, number=number)
        yield Amount.objects


def test_a_sum_past_64_bits_is_an_error(amounts):
    with pytest.raises(OperationalError, match="integer overflow"):
        amounts.aggregate(total=Sum("number"))
    with pytest.raises(OperationalError, match="integer overflow"):
        list(amounts.values("group").annotate(total=Sum("number")))


def test_a_sum_of_64_bits_is_exact(amounts):
    assert amounts.filter(group=2).aggregate(total=Sum("number"))["total"] == 2**63 - 1
