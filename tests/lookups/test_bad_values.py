"""Values that no column holds: Django's error for each, wherever they are given."""

import datetime
import re
import traceback
import uuid
from decimal import Decimal
from json import dumps

import pytest
from django.apps.registry import Apps
from django.core.exceptions import FieldError, ValidationError
from django.db import (
    DatabaseError,
    DataError,
    connection,
    connections,
    models,
    transaction,
)
from django.db.models import Case, F, Value, When
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Length, Lower

from tests.settings import BACKEND
from tests.tables import tables_of


def nested(levels, kind=list):
    """Return a list in a list, or a dictionary in a dictionary, and so on."""
    value = []
    for _ in range(levels):
        value = [value] if kind is list else {"a": value}
    return value


HUGE = 10**5_000
MODERATE = 10**400
NAN, INFINITY = float("nan"), float("inf")
BAD = {
    "number": [HUGE, -HUGE, MODERATE, 2**63, NAN, INFINITY, "x", "1" * 5_000, b"1", []],
    "small": [2**31, HUGE, NAN],
    "ratio": [HUGE, MODERATE, NAN, INFINITY, "nan", "x", "1e999", Decimal("1e999")],
    "price": [
        *(MODERATE, HUGE, -MODERATE, "1e999999", "x", NAN, INFINITY),
        *(Decimal(value) for value in ("NaN", "sNaN", "Infinity", "12345.678", "1e30")),
    ],
    "wide": [MODERATE, Decimal("NaN"), Decimal("1e60"), "9" * 60],
    "data": [
        *(nested(80), nested(180), nested(300), nested(900), nested(5_000)),
        *(nested(180, dict), nested(900, dict), nested(5_000, dict)),
        *(NAN, [INFINITY], {"a": {"b": -INFINITY}}, HUGE, [MODERATE], 2**63),
        *("\0", {"a\0b": 1}, "\ud800", {"\ud800": 1}, {1: 2}, {(1,): 2}, {1, 2}, b"x"),
    ],
    "blob": ["$ne", 5, HUGE, [], {"$ne": 1}, "é"],
    "text": ["\0", "\ud800", HUGE, b"x", "x" * 300_000, ["$ne"], {"$ne": 1}],
    "flag": [2, "x", NAN, [], HUGE, "False"],
    "day": ["x", "9999-99-99", 5, HUGE, datetime.datetime.max, "0000-01-01"],
    "at": ["x", 5, datetime.date.max, datetime.datetime.min, HUGE],
    "hour": ["x", "25:00", 5, HUGE, "10:00"],
    "span": ["x", datetime.timedelta.max, datetime.timedelta.min, 5, HUGE],
    "code": ["x", 5, 2**128, HUGE, "0" * 32, uuid.UUID(int=0)],
    "address": ["x", 5, "::ffff:1.2.3.4", "999.1.1.1", HUGE],
}
OWN = (DatabaseError, FieldError, ValidationError)
CASES = [(name, number) for name in BAD for number in range(len(BAD[name]))]


@pytest.fixture(scope="module")
def table(databases):
    class Thing(models.Model):
        number = models.BigIntegerField(null=True)
        small = models.IntegerField(null=True)
        ratio = models.FloatField(null=True)
        price = models.DecimalField(max_digits=6, decimal_places=2, null=True)
        wide = models.DecimalField(max_digits=50, decimal_places=10, null=True)
        data = models.JSONField(null=True)
        blob = models.BinaryField(null=True)
        text = models.TextField(null=True)
        flag = models.BooleanField(null=True)
        day = models.DateField(null=True)
        at = models.DateTimeField(null=True)
        hour = models.TimeField(null=True)
        span = models.DurationField(null=True)
        code = models.UUIDField(null=True)
        address = models.GenericIPAddressField(null=True)

        class Meta:
            app_label = "library"
            apps = Apps()

    with tables_of(Thing), tables_of(Thing, using="oracle"):
        yield Thing


@pytest.fixture
def things(table):
    yield table
    table.objects.all().delete()


def lookups(name, value):
    yield {name: value}
    yield {f"{name}__in": [value, value]}
    yield {f"{name}__in": [value, None]}
    for lookup in ("gt", "lte", "contains", "startswith", "iexact", "regex"):
        yield {f"{name}__{lookup}": value}
    yield {f"{name}__range": (value, value)}
    if name == "data":
        for lookup in ("contains", "has_key", "a", "a__in", "a__gt", "a__icontains"):
            given = [value] if lookup == "a__in" else value
            yield {f"{name}__{lookup}": given}


def is_own(found):
    """Return whether a result, or an error, is one that Django's users expect."""
    return not isinstance(found, Exception) or isinstance(found, OWN)


def is_usual(found, expected, field, value):
    """Return whether Django raises the same before any database sees the value, or
    the field itself does.
    """
    frames = traceback.extract_tb(found.__traceback__)
    if not any("nonrel_backend/" in frame.filename for frame in frames):
        return True
    usual = (TypeError, ValueError, AttributeError)
    if type(found) in usual and repr(found) == repr(expected):
        return True
    for prepare in (
        lambda: field.get_db_prep_save(value, connections["oracle"]),
        lambda: dumps(value),
    ):
        try:
            prepare()
        except Exception as error:
            if repr(found) == repr(error):
                return True
    return False


def statements(model, name, value, using):
    """Yield (what is done, a function that does it and returns what it finds)."""
    rows = model.objects.using(using)
    field = model._meta.get_field(name)
    computed = Value(value, output_field=field)

    def saved():
        row = rows.create(**{name: value})
        return rows.values_list(name, flat=True).get(pk=row.pk)

    def updated(given):
        rows.create()
        rows.update(**{name: given})
        return list(rows.values_list(name, flat=True))

    def bulk_updated():
        row = rows.create()
        setattr(row, name, value)
        rows.bulk_update([row], [name])
        return rows.values_list(name, flat=True).get(pk=row.pk)

    yield "create", saved
    yield "bulk_create", lambda: len(rows.bulk_create([model(**{name: value})] * 2))
    yield "update", lambda: updated(value)
    yield "update Value", lambda: updated(computed)
    yield "update Case", lambda: updated(Case(When(pk__gt=0, then=computed)))
    yield "update Coalesce", lambda: updated(Coalesce(F(name), computed))
    yield "bulk_update", bulk_updated
    yield "create plain", lambda: rows.create(**{name: Value(value)}) and None
    yield "update plain", lambda: updated(Value(value))
    yield "filter plain", lambda: rows.filter(**{name: Value(value)}).count()
    yield "get_or_create", lambda: rows.get_or_create(**{name: value})[1]
    for given in lookups(name, value):
        yield f"filter {[*given]}", lambda given=given: rows.filter(**given).count()
        yield f"exclude {[*given]}", lambda given=given: rows.exclude(**given).count()
    yield "filter Value", lambda: rows.filter(**{name: computed}).count()
    yield "order", lambda: list(rows.order_by(computed, "pk").values_list("pk"))
    yield "annotate", lambda: list(rows.annotate(x=computed).values_list("x"))


def outcome(model, using, run):
    """Return what a statement gives, or its error; nothing is left of either."""
    try:
        with transaction.atomic(using=using):
            try:
                return run()
            finally:
                transaction.set_rollback(True, using=using)
    except Exception as error:
        return error
    finally:
        if not connections[using].features.supports_transactions:
            model.objects.using(using).all().delete()


# On SQLite the driver raises an error of its own for these, here there is a result: no
# row has the value.
DRIVERS_OWN = (ArithmeticError, AttributeError, DatabaseError, UnicodeEncodeError)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_bad_value_is_an_error_of_django(things, name, number):
    value, field = BAD[name][number], things._meta.get_field(name)
    wrong = []
    for (what, run), (_, on_sqlite) in zip(
        statements(things, name, value, "default"),
        statements(things, name, value, "oracle"),
        strict=True,
    ):
        found, expected = (
            outcome(things, "default", run),
            outcome(things, "oracle", on_sqlite),
        )
        if not is_own(found) and not is_usual(found, expected, field, value):
            wrong.append(f"{what}: {found!r}"[:300])
        elif isinstance(found, Exception) or isinstance(expected, DRIVERS_OWN):
            continue
        elif what.endswith("plain"):
            continue  # SQLite's columns take values of any type
        elif repr(found) != repr(expected):
            wrong.append(f"{what}: {found!r} on SQLite {expected!r}"[:300])
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("number", HUGE, "an integer of 16,610 bits is too large"),
        ("price", Decimal("12345.67"), "has more than 4 digits before the point"),
        ("data", {"a": [NAN]}, "JSON has no NaN"),
        ("data", nested(50_000), "nested too deeply"),  # the most varies with Python
        ("blob", 5, "bytes-like object"),
        ("span", "x", "is no timedelta"),
        ("text", "\ud800", "lone surrogate"),
    ],
    ids=["number", "digits", "JSON NaN", "JSON levels", "blob", "span", "surrogate"],
)
def test_the_error_names_the_field(things, name, value, said):
    row = things.objects.create()
    changed = things(pk=row.pk, **{name: value})
    for write in (
        lambda: things.objects.create(**{name: value}),
        lambda: things.objects.bulk_create([things(**{name: value})]),
        lambda: things.objects.update(**{name: value}),
        lambda: things.objects.bulk_update([changed], [name]),
    ):
        try:
            write()
        except DataError as error:
            assert re.search(rf"library\.Thing\.{name}: .*{said}", str(error))
        else:  # a store may hold a surrogate
            assert said == "lone surrogate"
            assert things.objects.filter(**{name: value}).update(**{name: None})
    row.refresh_from_db()
    assert getattr(row, name) is None


@pytest.mark.parametrize("value", [10**30, HUGE, "\ud800"], ids=["30", "5000", "text"])
def test_values_of_raw_statements_are_errors_of_django(things, value):
    """Of a cursor, a RawSQL and what the local engine finishes."""
    table = things._meta.db_table
    with pytest.raises(DataError), connection.cursor() as cursor:
        cursor.execute(f'SELECT id FROM "{table}" WHERE text = %s', [value])
    with pytest.raises(DataError):
        list(things.objects.annotate(x=RawSQL("%s", [value])))
    rows = things.objects.annotate(n=Length("text"), t=Lower("text"))
    column = "t" if isinstance(value, str) else "n"
    with pytest.raises(DataError):
        list(rows.filter(**{f"{column}__in": [value, 1]}))


# --- values that are stored otherwise than they were given ---


def test_nan_is_null_in_a_column_of_floats(things):
    """As on SQLite, and one answer whoever gives it."""
    row = things.objects.create(ratio=NAN, number=1)
    other = things.objects.create(ratio=1.5, number=2)
    rows = things.objects.order_by("number")
    assert [*rows.values_list("ratio", flat=True)] == [None, 1.5]
    assert [*rows.filter(ratio__isnull=True)] == [row]
    locally = rows.annotate(twice=F("ratio") + F("ratio"))
    assert [*locally.filter(twice__isnull=True)] == [row]
    assert [*rows.filter(ratio__isnull=False)] == [other]
    assert [*rows.exclude(ratio__lt=1)] == [row, other]
    assert [*rows.filter(~models.Q(ratio__lt=1), ratio__isnull=False)] == [other]
    things.objects.update(ratio=NAN)
    assert rows.filter(ratio=None).count() == 2


def test_decimals_have_the_places_of_their_field(things):
    """`9.90`, not `9.9`: compared as texts."""
    row = things.objects.create(price="9.9", wide=Decimal("1E+3"))
    things.objects.bulk_create([things(price=Decimal("9.9"), wide=1)])
    rows = things.objects.order_by("pk")
    assert [*map(str, rows.values_list("price", flat=True))] == ["9.90", "9.90"]
    assert str(things.objects.get(pk=row.pk).wide) == "1000.0000000000"
    for change in (9, Decimal("9"), F("price") - Decimal("0.9"), Value(Decimal("9.0"))):
        rows.update(price=change)
        assert str(things.objects.get(pk=row.pk).price)[:3] in ("9.0", "8.1"), change
        assert len(str(things.objects.get(pk=row.pk).price)) == 4
        rows.update(price="9.9")
    row.price = Decimal("7")
    things.objects.bulk_update([row], ["price"])
    found = things.objects.annotate(same=F("price")).get(pk=row.pk)
    assert str(found.price) == str(found.same) == "7.00"
    assert {str(each) for each in rows.values_list("price", flat=True)} == {
        "7.00",
        "9.90",
    }


# The last test: the table's sequence stays at its end.


@pytest.mark.skipif(BACKEND == "riak", reason="its keys are made of the time")
def test_a_table_without_a_key_left_says_so(things):
    last = things.objects.create(pk=2**63 - 1)
    for rows in ([things()], [things(), things()]):
        with pytest.raises(DataError, match="library_thing has no key left"):
            things.objects.bulk_create(rows)
        with pytest.raises(DataError, match="library_thing has no key left"):
            rows[0].save()
    assert things.objects.get() == last
