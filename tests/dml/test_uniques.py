"""A unique column of each type holds a value once, whoever writes it."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.apps.registry import Apps
from django.db import IntegrityError, connection, models, transaction

from tests.tables import tables_of

VALUES = {
    models.BinaryField: b"\x00\xff",
    models.CharField: "é",
    models.DateField: date(2020, 2, 29),
    models.DateTimeField: datetime(2020, 2, 29, 23, 30, 1, 123456, UTC),
    models.DecimalField: Decimal("1.50"),
    models.DurationField: timedelta(days=1, microseconds=1),
    models.FloatField: 0.1,
    models.GenericIPAddressField: "2001:db8::1",
    models.IntegerField: -7,
    models.TimeField: time(23, 30, 1, 123456),
    models.UUIDField: UUID(int=7),
}


LATER = {
    models.CharField: "z",
    models.DateField: date(2021, 1, 1),
    models.DateTimeField: datetime(2021, 1, 1, 12, tzinfo=UTC),
    models.DecimalField: Decimal("2.50"),
    models.DurationField: timedelta(days=2),
    models.FloatField: 0.2,
    models.GenericIPAddressField: "10.0.0.1",
    models.IntegerField: 8,
    models.TimeField: time(1),
    models.UUIDField: UUID(int=8),
}
OPTIONS = {
    models.CharField: {"max_length": 50},
    models.DecimalField: {"max_digits": 8, "decimal_places": 2},
}


def columns():
    for kind, value in VALUES.items():
        field = kind(unique=True, null=True, **OPTIONS.get(kind, {}))
        yield kind.__name__.lower(), field, value


@pytest.fixture(scope="module")
def model(databases):
    class Meta:
        app_label = "library"
        apps = Apps()

    fields = {name: field for name, field, _ in columns()}
    kinds = type(
        "Unique", (models.Model,), {"Meta": Meta, "__module__": __name__} | fields
    )
    with tables_of(kinds):
        yield kinds


@pytest.mark.parametrize("name", [name for name, _, _ in columns()])
def test_a_value_is_there_once(model, name):
    rows, table = model.objects, model._meta.db_table
    value = next(value for known, _, value in columns() if known == name)
    rows.all().delete()
    rows.create(**{name: value})
    other = rows.create()
    sql = f'UPDATE "{table}" SET "{name}" = %s WHERE id = %s'
    stored = model._meta.get_field(name).get_db_prep_value(value, connection)

    def by_cursor():
        with connection.cursor() as cursor:
            cursor.execute(sql, [stored, other.pk])

    def by_save():
        setattr(other, name, value)
        other.save()

    for write in (
        lambda: rows.create(**{name: value}),
        lambda: rows.bulk_create([model(**{name: value})]),
        lambda: rows.filter(pk=other.pk).update(**{name: value}),
        by_save,
        by_cursor,
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            write()
        assert rows.filter(**{name: value}).count() == 1
        assert rows.count() == 2


@pytest.mark.parametrize("kind", LATER)
def test_a_key_of_each_type_is_changed(databases, kind):
    class Keyed(models.Model):
        key = kind(primary_key=True, **OPTIONS.get(kind, {}))
        note = models.CharField(max_length=10)

        class Meta:
            app_label = "library"
            apps = Apps()

    if connection.vendor == "mongodb":
        pytest.skip("MongoDB's _id never changes.")
    old, new = VALUES[kind], LATER[kind]
    with tables_of(Keyed):
        Keyed.objects.create(key=old, note="kept")
        assert Keyed.objects.filter(key=old).update(key=new) == 1
        kept = Keyed.objects.get(key=new)
        assert kept.note == "kept"
        kept.note = "changed"
        Keyed.objects.bulk_update([kept], ["note"])
        assert Keyed.objects.get(key=new).note == "changed"
        assert not Keyed.objects.filter(key=old).exists()
        assert Keyed.objects.count() == 1
