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


def columns():
    for kind, value in VALUES.items():
        options = {"max_length": 50} if kind in (models.CharField,) else {}
        if kind is models.DecimalField:
            options = {"max_digits": 8, "decimal_places": 2}
        yield kind.__name__.lower(), kind(unique=True, null=True, **options), value


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
