"""Constants in expressions are prepared as their fields prepare values."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from django.apps.registry import Apps
from django.db import models
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce

from tests.tables import tables_of

# {field: (what is given, what is stored)}
GIVEN = {
    "flag": ("False", False),
    "price": (Decimal("1.2"), Decimal("1.20")),
    "day": (datetime(2024, 2, 29, 12, 30, tzinfo=UTC), date(2024, 2, 29)),
    "hour": ("10:00", time(10)),
    "address": ("2001:0DB8:0:0:0:0:0:1", "2001:db8::1"),
    "number": ("7", 7),
    "ratio": ("1.5", 1.5),
    "at": ("2024-02-29 10:00:00+00:00", datetime(2024, 2, 29, 10, tzinfo=UTC)),
}


@pytest.fixture
def thing(library):
    class Thing(models.Model):
        flag = models.BooleanField(null=True)
        price = models.DecimalField(max_digits=6, decimal_places=2, null=True)
        day = models.DateField(null=True)
        hour = models.TimeField(null=True)
        address = models.GenericIPAddressField(null=True)
        number = models.IntegerField(null=True)
        ratio = models.FloatField(null=True)
        at = models.DateTimeField(null=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with tables_of(Thing):
        yield Thing


def computed(name, field, given):
    """Yield expressions whose value is the one given."""
    value = Value(given, output_field=field)
    yield value
    yield Case(When(pk__gt=0, then=value), default=value)
    yield Coalesce(F(name), value)


@pytest.mark.parametrize("name", GIVEN)
def test_updates_store_what_the_field_prepares(thing, name):
    given, stored = GIVEN[name]
    field = thing._meta.get_field(name)
    for expression in computed(name, field, given):
        row = thing.objects.create()
        thing.objects.filter(pk=row.pk).update(**{name: expression})
        row.refresh_from_db()
        assert getattr(row, name) == stored, expression
        assert thing.objects.filter(pk=row.pk, **{name: stored}).exists()
    row = thing.objects.create()
    setattr(row, name, given)
    thing.objects.bulk_update([row], [name])
    assert thing.objects.filter(pk=row.pk, **{name: stored}).exists()


@pytest.mark.parametrize("name", GIVEN)
def test_filters_compare_with_what_the_field_prepares(thing, name):
    given, stored = GIVEN[name]
    field = thing._meta.get_field(name)
    row = thing.objects.create(**{name: stored})
    thing.objects.create()
    for value in (given, Value(given, output_field=field)):
        assert thing.objects.filter(**{name: value}).get() == row, value


def test_constants_of_other_types_are_compared_as_on_sqlite(thing):
    row = thing.objects.create(flag=False, day=date(2024, 2, 29), number=7)
    assert not thing.objects.filter(flag=Value("False")).exists()
    assert thing.objects.filter(flag=Value(False)).get() == row
    assert thing.objects.filter(day=Value("2024-02-29")).get() == row
    assert thing.objects.filter(number=Value("7")).get() == row
