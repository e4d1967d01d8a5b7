"""Datetimes in collections of other programs: milliseconds, one answer, too."""

from datetime import UTC, datetime, timedelta

import pytest
from django.apps.registry import Apps
from django.db import DataError, IntegrityError, connection, models
from django.db.models import Case, Exists, F, Max, OuterRef, Q, Value, When, Window
from django.db.models.functions import Coalesce, RowNumber
from django.test.utils import isolate_apps

from nonrel_backend.testing.forcing import forced
from tests.adopted import made_by_others

MOMENT = datetime(2020, 1, 2, 10, 30, 0, 123456, UTC)
STORED = MOMENT.replace(microsecond=123000)


@pytest.fixture
def moments(databases):
    class Moment(models.Model):
        at = models.DateTimeField(db_index=True)
        other = models.DateTimeField(null=True, unique=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with connection.schema_editor() as editor:
        editor.create_model(Moment)
    # Its index is that of a table which keeps microseconds; another has the same.
    made_by_others(Moment)
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
    assert moments.get().at == STORED
    assert moments.filter(at=moments.get().at).exists()


def test_nothing_is_written_beside_a_datetime(moments):
    row = moments.first()
    row.at = row.other = MOMENT
    row.save()
    moments.update(at=Coalesce("other", "at"))
    moments.filter(pk=row.pk).update(other=MOMENT)
    table = connection.database[moments.model._meta.db_table]
    assert not [key for each in table.find() for key in each if "__us" in key]
    assert moments.get(pk=row.pk).other == STORED
    assert moments.aggregate(last=Max("other"))["last"] == STORED
    having = moments.values("pk").annotate(last=Max("other")).filter(last=MOMENT)
    assert len(having) == 1


def test_a_unique_datetime_is_one_of_milliseconds(moments):
    first, second, _ = moments.all()
    first.other, second.other = MOMENT, MOMENT + timedelta(microseconds=1)
    first.save()
    with pytest.raises(IntegrityError):
        second.save()


# --- relations of such collections and of those that keep microseconds ---


@isolate_apps("tests.library")
def event_and_mark():
    class Event(models.Model):
        at = models.DateTimeField(primary_key=True)
        other = models.DateTimeField()

        class Meta:
            app_label = "library"

    class Mark(models.Model):
        event = models.ForeignKey(Event, models.CASCADE)
        at = models.DateTimeField()

        class Meta:
            app_label = "library"

    return Event, Mark


@pytest.fixture(params=["event", "mark", "both"])
def related(databases, request):
    """Return two models; other programs have made the collections of one or both."""
    found = event_and_mark()
    with connection.schema_editor() as editor:
        for model in found:
            editor.create_model(model)
    for model in found:
        if request.param in (model._meta.model_name, "both"):
            made_by_others(model)
    yield found
    with connection.schema_editor() as editor:
        for model in reversed(found):
            editor.delete_model(model)


@pytest.mark.parametrize("rule", ["rows", "streamed", "local"])
def test_each_column_of_a_join_is_compared_in_its_own_precision(related, rule):
    event, mark = related
    mark.objects.create(event=event.objects.create(at=STORED, other=MOMENT), at=MOMENT)
    later = MOMENT + timedelta(microseconds=1)
    cases = ((mark, "event__other", event), (event, "mark__at", mark))
    with forced(rule):
        for model, name, compared in cases:
            found = model.objects.filter(**{name: MOMENT})
            others = model.objects.filter(**{name: later})
            keeps = connection.keeps_microseconds(compared._meta.db_table)
            assert found.count() == len(found) == 1
            assert others.count() == len(others) == (0 if keeps else 1)


def test_a_foreign_key_that_would_lose_its_row_is_refused(related):
    event, mark = related
    key = event.objects.create(at=MOMENT, other=MOMENT)
    row = mark(event=key, at=MOMENT)
    names = {connection.keeps_microseconds(each._meta.db_table) for each in related}
    if len(names) == 2:
        with pytest.raises(DataError, match="Only one of"):
            row.save()
        whole = STORED + timedelta(milliseconds=1)
        row.event = event.objects.create(at=whole, other=MOMENT)
        row.save()
        with pytest.raises(DataError, match="Only one of"):
            mark.objects.update(event=key)
    else:
        row.save()
    assert mark.objects.get().event == event.objects.get(mark__at=MOMENT)
