"""Datetimes with microseconds: one answer, whoever computes it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.apps.registry import Apps
from django.db import connection, models
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    Value,
    When,
    Window,
)
from django.db.models.functions import Coalesce, RowNumber, TruncSecond

from nonrel_backend.values.comparisons import COMPARISONS
from tests.tables import tables_of

MOMENT = datetime(2020, 1, 2, 10, 30, 0, 123456, UTC)
MICROSECOND = timedelta(microseconds=1)
# Some are of one millisecond, and of one moment. None is of a whole one.
MOMENTS = [
    MOMENT + offset
    for offset in (
        -timedelta(milliseconds=1),
        timedelta(microseconds=-456),
        -MICROSECOND,
        timedelta(),
        timedelta(),
        MICROSECOND,
        timedelta(microseconds=543),
        timedelta(microseconds=544),
    )
]
BOUNDS = [*dict.fromkeys(MOMENTS), MOMENT + timedelta(days=1)]


@pytest.fixture(scope="module")
def model(databases):
    class Moment(models.Model):
        at = models.DateTimeField(db_index=True)
        other = models.DateTimeField(null=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with tables_of(Moment):
        yield Moment


@pytest.fixture
def moments(model):
    manager = model.objects
    manager.all().delete()
    for number, at in enumerate(MOMENTS):
        manager.create(at=at, other=MOMENTS[number - 1] if number % 3 else None)
    return manager


def answers(moments, condition):
    """Yield the rows of a condition as the store and the local engine find them."""
    locally = Case(When(condition, then=Value(1)), default=Value(0))
    same = moments.filter(pk=OuterRef("pk")).filter(condition)
    number = Window(RowNumber())
    yield moments.filter(condition)
    yield moments.order_by(Case(When(pk=0, then=Value(1)))).filter(condition)
    yield moments.alias(local=locally).filter(local=1)
    yield moments.filter(Exists(same))
    yield moments.annotate(number=number).filter(condition)
    yield moments.filter(condition).union(moments.filter(condition))
    yield moments.annotate(kept=locally, n=Count("pk")).filter(kept=1)


@pytest.mark.parametrize("lookup", COMPARISONS)
@pytest.mark.parametrize("negated", [False, True])
def test_every_comparison_is_exact(moments, lookup, negated):
    for bound in BOUNDS:
        condition = Q(**{f"at__{lookup}": bound})
        wanted = sorted(
            at for at in MOMENTS if COMPARISONS[lookup](at, bound) is not negated
        )
        for found in answers(moments, ~condition if negated else condition):
            assert sorted(each.at for each in found) == wanted, found.query


def test_lists_and_ranges_are_exact(moments):
    for low in BOUNDS:
        for condition, wanted in (
            (Q(at__in=[low, MOMENT]), [e for e in MOMENTS if e in (low, MOMENT)]),
            (~Q(at__in=[low, MOMENT]), [e for e in MOMENTS if e not in (low, MOMENT)]),
            (Q(at__range=(low, MOMENT)), [e for e in MOMENTS if low <= e <= MOMENT]),
            (
                ~Q(at__range=(low, MOMENT)),
                [e for e in MOMENTS if not low <= e <= MOMENT],
            ),
        ):
            for found in answers(moments, condition):
                assert sorted(each.at for each in found) == sorted(wanted)


def test_columns_are_compared_with_each_other(moments):
    rows = list(moments.all())
    for lookup, test in COMPARISONS.items():
        wanted = [e.pk for e in rows if e.other and test(e.at, e.other)]
        found = moments.filter(**{f"at__{lookup}": F("other")})
        assert sorted(found.values_list("pk", flat=True)) == wanted


def test_orders_are_by_microseconds(moments):
    assert [each.at for each in moments.order_by("at")] == sorted(MOMENTS)
    descending = sorted(MOMENTS, reverse=True)
    assert [each.at for each in moments.order_by("-at")[2:5]] == descending[2:5]
    assert moments.latest("at").at == max(MOMENTS)


def test_groups_and_extremes_are_by_microseconds(moments):
    counted = moments.values_list("at").annotate(n=Count("pk")).order_by("at")
    assert list(counted) == [(e, MOMENTS.count(e)) for e in sorted(set(MOMENTS))]
    assert moments.aggregate(a=Min("at"), b=Max("at")) == {
        "a": min(MOMENTS),
        "b": max(MOMENTS),
    }
    having = counted.filter(at__gt=MOMENT).values_list("at", flat=True)
    assert list(having) == [e for e in sorted(set(MOMENTS)) if e > MOMENT]
    latest = moments.values("other").annotate(last=Max("at")).filter(last__gte=MOMENT)
    assert all(each["last"] >= MOMENT for each in latest)
    assert moments.values("at").distinct().count() == len(set(MOMENTS))
    assert moments.aggregate(n=Count("at", distinct=True))["n"] == len(set(MOMENTS))


def test_expressions_return_microseconds(moments):
    either = moments.annotate(e=Coalesce("other", "at"), s=TruncSecond("at"))
    for each in either:
        assert each.e == (each.other or each.at)
        assert each.s == each.at.replace(microsecond=0)
    dates = moments.datetimes("at", "second")
    assert list(dates) == [MOMENT.replace(microsecond=0)]


def test_updates_by_expressions_keep_microseconds(moments):
    before = dict(moments.values_list("pk", "at"))
    moments.update(at=F("at") + timedelta(microseconds=1001))
    after = dict(moments.values_list("pk", "at"))
    assert after == {
        key: at + timedelta(microseconds=1001) for key, at in before.items()
    }
    moments.update(other=Coalesce("other", "at"))
    for each in moments.all():
        assert each.other is not None
    assert moments.filter(other=F("at")).count() == 3
    moments.update(at=MOMENT.replace(microsecond=5000))
    assert {each.at.microsecond for each in moments.all()} == {5000}
    assert moments.filter(at=MOMENT.replace(microsecond=5000)).count() == len(MOMENTS)


def test_a_row_is_found_by_the_value_that_it_was_saved_with(moments):
    moments.all().delete()
    row = moments.create(at=MOMENT)
    assert moments.get(at=row.at) == moments.order_by(F("at").desc()).get(at=row.at)
    assert moments.get().at == MOMENT
    row.at = MOMENT.replace(microsecond=1000)
    row.save()
    assert moments.get(at=row.at).at == row.at
    assert moments.get_or_create(at=MOMENT)[1]
    assert not moments.get_or_create(at=MOMENT)[1]


def test_bulk_writes_keep_microseconds(moments, model):
    moments.all().delete()
    moments.bulk_create(model(pk=n, at=at) for n, at in enumerate(MOMENTS, 1))
    moments.bulk_create(
        [model(pk=1, at=MOMENT + MICROSECOND), model(pk=20, at=MOMENT)],
        update_conflicts=True,
        update_fields=["at"],
        unique_fields=["pk"],
    )
    assert moments.get(pk=1).at == MOMENT + MICROSECOND
    assert moments.get(pk=20).at == MOMENT
    rows = list(moments.all())
    for row in rows:
        row.at = MOMENT.replace(microsecond=row.pk)
    moments.bulk_update(rows, ["at"])
    assert all(each.at.microsecond == each.pk for each in moments.all())


def documents(model):
    return connection.database[model._meta.db_table]


def test_other_programs_read_a_date_and_may_set_it_alone(moments, model):
    moments.all().delete()
    row = moments.create(at=MOMENT)
    stored = documents(model).find_one()
    date = MOMENT.replace(microsecond=123000, tzinfo=None)
    assert stored == {
        "_id": row.pk,
        "at": date,
        "at__us": (MOMENT - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND,
    }
    for other in (date + timedelta(days=1), date - timedelta(milliseconds=1)):
        documents(model).update_one({}, {"$set": {"at": other}})
        aware = other.replace(tzinfo=UTC)
        assert moments.get().at == aware
        for lookup, test in COMPARISONS.items():
            for bound in (*BOUNDS, aware, aware + MICROSECOND, aware - MICROSECOND):
                for found in answers(moments, Q(**{f"at__{lookup}": bound})):
                    assert bool(found) is test(aware, bound), (lookup, bound)
        assert moments.aggregate(last=Max("at"))["last"] == aware
        moments.update(other=Coalesce("other", "at"))
        assert moments.get().other == aware
        moments.update(other=None)


def test_a_whole_datetime_has_nothing_beside_it(moments, model):
    moments.all().delete()
    row = moments.create(at=MOMENT)
    row.at = MOMENT.replace(microsecond=123000)
    row.save()
    assert "at__us" not in documents(model).find_one()


def test_keys_that_refer_to_a_datetime_are_as_precise(databases):
    class Event(models.Model):
        at = models.DateTimeField(unique=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    class Note(models.Model):
        event = models.ForeignKey(Event, models.CASCADE, to_field="at")

        class Meta:
            app_label = "library"
            apps = Apps()

    with connection.schema_editor() as editor:
        editor.create_model(Event)
        editor.create_model(Note)
    first = Event.objects.create(at=MOMENT)
    second = Event.objects.create(at=MOMENT + MICROSECOND)
    Note.objects.create(event=first)
    assert Note.objects.get(event=first).event == first
    assert not Note.objects.filter(event=second).exists()
    assert Note.objects.select_related("event").get(event__pk=first.pk)
    assert Note.objects.get(event__at=MOMENT).event_id == MOMENT
    with connection.schema_editor() as editor:
        editor.delete_model(Note)
        editor.delete_model(Event)
