"""Datetimes, of which BSON holds milliseconds: one answer, whoever computes it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.apps.registry import Apps
from django.db import connection, models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When, Window
from django.db.models.functions import RowNumber

MOMENT = datetime(2020, 1, 2, 10, 30, 0, 123456, UTC)


@pytest.fixture
def moments(databases):
    class Moment(models.Model):
        at = models.DateTimeField(db_index=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with connection.schema_editor() as editor:
        editor.create_model(Moment)
    for number in (-1, 0, 1):
        Moment.objects.create(at=MOMENT + timedelta(milliseconds=number))
    yield Moment.objects
    with connection.schema_editor() as editor:
        editor.delete_model(Moment)


CONDITIONS = {
    "exact": (Q(at=MOMENT), 1),
    "not": (~Q(at=MOMENT), 2),
    "in": (Q(at__in=[MOMENT, MOMENT + timedelta(milliseconds=1)]), 2),
    "gte": (Q(at__gte=MOMENT), 2),
    "gt": (Q(at__gt=MOMENT), 1),
    "lte": (Q(at__lte=MOMENT), 2),
    "lt": (Q(at__lt=MOMENT), 1),
    "range": (Q(at__range=(MOMENT, MOMENT)), 1),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_store_and_the_local_engine_give_one_answer(moments, name):
    condition, count = CONDITIONS[name]
    locally = Case(When(condition, then=Value(1)), default=Value(0))
    same = moments.filter(pk=OuterRef("pk")).filter(condition)
    number = Window(RowNumber())
    for found in (
        moments.filter(condition),
        moments.order_by(Case(When(pk=0, then=Value(1)))).filter(condition),
        moments.alias(local=locally).filter(local=1),
        moments.filter(Exists(same)),
        moments.annotate(number=number).filter(condition),
        moments.filter(condition).union(moments.filter(condition)),
    ):
        assert len(found) == count


def test_a_row_is_found_by_the_value_that_it_was_saved_with(moments):
    moments.all().delete()
    row = moments.create(at=MOMENT)
    assert moments.get(at=row.at) == moments.order_by(F("at").desc()).get(at=row.at)
    assert moments.filter(at=moments.get().at).exists()
