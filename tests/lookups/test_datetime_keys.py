"""Primary keys that are datetimes with microseconds, or have one among them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Count, F, Max, Q
from django.db.models.functions import Now
from django.test.utils import isolate_apps

from nonrel_backend.testing.forcing import forced

MICROSECOND = timedelta(microseconds=1)
WHOLE = datetime(2020, 1, 2, 10, 30, 0, 122_000, UTC)
# They are of different milliseconds; the first has no microseconds.
KEYS = [WHOLE, *(WHOLE + number * timedelta(microseconds=1_001) for number in (1, 2))]
SECOND = KEYS[1]
RULES = pytest.mark.parametrize("rule", ["one_table", "rows", "streamed", "local"])


@isolate_apps("tests.library")
def models_of_keys():
    class Tick(models.Model):
        at = models.DateTimeField(primary_key=True)
        n = models.IntegerField()

        class Meta:
            app_label = "library"

    class Mark(models.Model):
        tick = models.ForeignKey(Tick, models.CASCADE, null=True)

        class Meta:
            app_label = "library"

    class Reading(models.Model):
        pk = models.CompositePrimaryKey("sensor", "at")
        sensor = models.IntegerField()
        at = models.DateTimeField()
        n = models.IntegerField()

        class Meta:
            app_label = "library"

    return Tick, Mark, Reading


@pytest.fixture
def tables(library):
    found = models_of_keys()
    with connection.schema_editor() as editor:
        for model in found:
            editor.create_model(model)
    tick, mark, reading = found
    tick.objects.bulk_create([tick(at, n) for n, at in enumerate(KEYS)])
    mark.objects.bulk_create([mark(tick_id=at) for at in (*KEYS, SECOND, None)])
    reading.objects.bulk_create(
        [reading(sensor=1, at=at, n=n) for n, at in enumerate(KEYS)]
    )
    yield found
    with connection.schema_editor() as editor:
        for model in reversed(found):
            editor.delete_model(model)


@pytest.fixture
def ticks(tables):
    return tables[0].objects


@pytest.fixture
def marks(tables):
    return tables[1].objects


@pytest.fixture
def readings(tables):
    return tables[2].objects


def found_by(rows):
    return sorted(rows.values_list("n", flat=True))


CONDITIONS = {
    "exact": (Q(at=SECOND), [1]),
    "another of its millisecond": (Q(at=SECOND + MICROSECOND), []),
    "its millisecond": (Q(at=WHOLE + timedelta(milliseconds=1)), []),
    "not": (~Q(at=SECOND), [0, 2]),
    "not another": (~Q(at=SECOND + MICROSECOND), [0, 1, 2]),
    "in": (Q(at__in=[SECOND, WHOLE, KEYS[2] + MICROSECOND]), [0, 1]),
    "not in": (~Q(at__in=[SECOND, WHOLE + MICROSECOND]), [0, 2]),
    "gt": (Q(at__gt=SECOND), [2]),
    "gte": (Q(at__gte=SECOND), [1, 2]),
    "lt": (Q(at__lt=SECOND), [0]),
    "lte": (Q(at__lte=SECOND), [0, 1]),
    "range": (Q(at__range=(WHOLE + MICROSECOND, SECOND)), [1]),
}


@RULES
@pytest.mark.parametrize("name", CONDITIONS)
def test_keys_are_compared_with_their_microseconds(ticks, readings, rule, name):
    condition, numbers = CONDITIONS[name]
    with forced(rule):
        assert found_by(ticks.filter(condition)) == numbers
        assert found_by(readings.filter(condition)) == numbers
        assert readings.filter(condition).count() == len(numbers)


@RULES
def test_a_row_is_found_by_the_key_that_it_was_saved_with(ticks, readings, rule):
    with forced(rule):
        assert ticks.get(pk=SECOND).pk == SECOND
        assert readings.get(pk=(1, SECOND)).pk == (1, SECOND)
        assert found_by(readings.filter(pk__in=[(1, SECOND), (2, WHOLE)])) == [1]
        assert found_by(readings.exclude(pk=(1, SECOND))) == [0, 2]
        assert [*ticks.in_bulk(KEYS)] == KEYS
        assert [*ticks.order_by("-at").values_list("pk", flat=True)] == KEYS[::-1]
        assert ticks.aggregate(last=Max("at"))["last"] == KEYS[2]
        days = ticks.annotate(later=F("at") + timedelta(days=1))
        assert days.get(n=1).later == SECOND + timedelta(days=1)
        assert ticks.filter(at__lt=Now()).count() == 3


@RULES
def test_foreign_keys_hold_the_microseconds_of_keys(ticks, marks, rule):
    with forced(rule):
        assert marks.filter(tick=SECOND).count() == 2
        assert marks.exclude(tick=SECOND).count() == 3
        assert marks.filter(tick__in=ticks.filter(n__gt=0)).count() == 3
        assert marks.filter(tick__n=1).count() == 2
        assert found_by(ticks.filter(mark__isnull=False).distinct()) == [0, 1, 2]
        counted = ticks.annotate(marks=Count("mark")).order_by("at")
        assert [each.marks for each in counted] == [1, 2, 1]
        related = marks.select_related("tick").filter(tick__isnull=False)
        assert all(each.tick.pk == each.tick_id for each in related)
        fetched = ticks.prefetch_related("mark_set").order_by("at")
        assert [len(each.mark_set.all()) for each in fetched] == [1, 2, 1]


@RULES
def test_rows_are_changed_and_deleted_by_their_keys(ticks, marks, readings, rule):
    with forced(rule):
        for rows, key in ((ticks, SECOND), (readings, (1, SECOND))):
            row = rows.get(pk=key)
            row.n = 7
            row.save()
            assert found_by(rows.all()) == [0, 2, 7]
            assert rows.filter(pk=key).update(n=F("n") + 1) == 1
            changed, created = rows.update_or_create(pk=key, defaults={"n": 9})
            assert (changed.n, created) == (9, False)
        ticks.filter(pk=SECOND).delete()
        readings.filter(pk=(1, SECOND)).delete()
        assert found_by(ticks.all()) == found_by(readings.all()) == [0, 2]
        assert marks.count() == 3


def test_sql_changes_rows_by_their_keys(ticks, readings):
    with connection.cursor() as cursor:
        for rows in (ticks, readings):
            table = rows.model._meta.db_table
            update = f'UPDATE "{table}" SET n = 7 WHERE at = %s'
            cursor.execute(update, [SECOND])
            assert cursor.rowcount == 1
            cursor.execute(update, [SECOND + MICROSECOND])
            assert cursor.rowcount == 0
            cursor.execute(f'SELECT at FROM "{table}" WHERE at = %s', [SECOND])
            assert len(cursor.fetchall()) == 1
            cursor.execute(f'DELETE FROM "{table}" WHERE at = %s', [SECOND])
            assert found_by(rows.all()) == [0, 2]


def test_keys_of_one_millisecond_are_two_rows_in_a_composite_key(readings):
    model = readings.model
    model(sensor=1, at=SECOND + MICROSECOND, n=5).save()
    assert found_by(readings.all()) == [0, 1, 2, 5]
    readings.filter(pk=(1, SECOND)).delete()
    assert found_by(readings.all()) == [0, 2, 5]
    with pytest.raises(IntegrityError), transaction.atomic():
        readings.create(sensor=1, at=SECOND + MICROSECOND, n=6)
    new = [model(sensor=1, at=at, n=8) for at in (SECOND, SECOND + MICROSECOND)]
    options = {"unique_fields": ["sensor", "at"], "update_fields": ["n"]}
    readings.bulk_create(new, update_conflicts=True, **options)
    assert found_by(readings.all()) == [0, 2, 8, 8]


WAYS = {
    "create": lambda rows, row: rows.create(at=row.at, n=row.n),
    "save": lambda rows, row: row.save(),
    "get_or_create": lambda rows, row: rows.get_or_create(at=row.at, n=row.n),
    "bulk_create": lambda rows, row: rows.bulk_create([row]),
    "ignore": lambda rows, row: rows.bulk_create([row], ignore_conflicts=True),
    "update": lambda rows, row: rows.bulk_create(
        [row], update_conflicts=True, unique_fields=["at"], update_fields=["n"]
    ),
}


@pytest.mark.parametrize("in_block", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_keys_of_one_millisecond_are_two_rows_or_an_error(ticks, way, in_block):
    row = ticks.model(at=SECOND + MICROSECOND, n=5)
    expected = [0, 1, 2, 5]
    try:
        if in_block:
            with transaction.atomic():
                ticks.filter(n=0).update(n=0)
                WAYS[way](ticks, row)
        else:
            WAYS[way](ticks, row)
    except IntegrityError as error:
        assert connection.vendor == "mongodb"
        assert "one in each millisecond" in str(error)
        expected.remove(5)
    assert found_by(ticks.all()) == expected
    assert ticks.get(pk=SECOND).n == 1
