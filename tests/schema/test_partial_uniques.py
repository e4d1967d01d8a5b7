"""Unique constraints with conditions keep the same rows out as on SQLite."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.apps.registry import Apps
from django.db import IntegrityError, models
from django.db.models import F, Q, UniqueConstraint

from tests.tables import tables_of

MOMENT = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
VALUES = {
    "n": [None, -1, 0, 1, 2, 3],
    "m": [None, 1, 2],
    "size": [None, -0.5, 1.5],
    "price": [None, Decimal("1.50"), Decimal("2.00")],
    "tag": ["", "a", "ab", "abc", "b"],
    "label": [None, "", "a", "é"],
    "flag": [True, False],
    "maybe": [None, True, False],
    "at": [None, *(MOMENT + timedelta(microseconds=n) for n in (-1, 0, 1, 1000))],
    "day": [None, MOMENT.date(), MOMENT.date() + timedelta(1)],
    "data": [{}, {"a": 1}, {"a": 2, "b": 1}],
}
CONDITIONS = {
    # What partial indexes of MongoDB express.
    "text": ~Q(tag=""),
    "text_is": Q(tag="ab"),
    "other_text": ~Q(tag="ab"),
    "nullable_text": ~Q(label=""),
    "bool": ~Q(flag=True),
    "bool_is": Q(flag=True),
    "nullable_bool": ~Q(maybe=True),
    "not_null": Q(n__isnull=False),
    "null": Q(n__isnull=True),
    "or": Q(n=1) | Q(tag="a"),
    "or_null": Q(n__gt=1) | Q(m=None),
    "and_or": Q(flag=True) & (Q(n=1) | Q(m=1)) & (Q(tag="a") | Q(tag="b")),
    "in": Q(n__in=[1, 2]),
    "not_in": ~Q(n__in=[0, 1, 3]),
    "no_text_in": ~Q(tag__in=["", "ab"]),
    "bools_in": Q(maybe__in=[True, False]),
    "range": Q(n__range=(0, 2)),
    "not_range": ~Q(n__range=(0, 1)),
    "less": ~Q(n__gte=1),
    "float": ~Q(size=1.5),
    "decimal": ~Q(price=Decimal("1.5")),
    "prefix": Q(tag__startswith="ab"),
    "no_prefix": ~Q(tag__startswith="ab"),
    "of_nullable_prefix": ~Q(label__startswith="a"),
    "moment": Q(at=MOMENT),
    "not_moment": ~Q(at=MOMENT),
    "later": Q(at__gt=MOMENT),
    "day": ~Q(day=MOMENT.date()),
    "twice": Q(n__gte=0) & Q(n__gte=1) & ~Q(n=2),
}


def model_of(name, *constraints):
    fields = {
        "n": models.IntegerField(null=True),
        "m": models.IntegerField(null=True),
        "size": models.FloatField(null=True),
        "price": models.DecimalField(max_digits=5, decimal_places=2, null=True),
        "tag": models.CharField(max_length=20, default=""),
        "label": models.CharField(max_length=20, null=True),
        "flag": models.BooleanField(default=False),
        "maybe": models.BooleanField(null=True),
        "at": models.DateTimeField(null=True),
        "day": models.DateField(null=True),
        "data": models.JSONField(default=dict),
        "code": models.IntegerField(default=1),
        "other": models.IntegerField(null=True, default=1),
    }
    options = {
        "apps": Apps(),
        "app_label": "tests",
        "db_table": f"partial_{name}",
        "constraints": constraints,
    }
    return type(
        "Partial",
        (models.Model,),
        {"__module__": __name__, "Meta": type("Meta", (), options), **fields},
    )


def outcome(work):
    """Return what the work returns, or that it is against a constraint."""
    try:
        return work()
    except IntegrityError:
        return "refused"


def rows_of(generator, count):
    return [
        {name: generator.choice(values) for name, values in VALUES.items()}
        for _ in range(count)
    ]


def act(model, alias, seed):
    """Yield what comes of random writes."""
    generator = random.Random(seed)
    rows = model.objects.using(alias)
    for values in rows_of(generator, 40):
        yield outcome(lambda values=values: rows.create(**values).pk is not None)
    keys = sorted(rows.values_list("pk", flat=True))
    for pk in keys * 2:
        (values,) = rows_of(generator, 1)
        name = generator.choice([*values])
        change = {name: values[name]}
        yield outcome(lambda pk=pk, change=change: rows.filter(pk=pk).update(**change))
        yield outcome(lambda pk=pk: rows.filter(pk=pk).update(n=F("n") + 1))
    for pk in keys:
        (values,) = rows_of(generator, 1)
        found = rows.get(pk=pk)
        for name, value in values.items():
            setattr(found, name, value)
        names = generator.choice([None, ["n", "tag"], ["flag"]])
        yield outcome(lambda found=found, names=names: found.save(update_fields=names))
    new = [model(**values) for values in rows_of(generator, 20)]
    rows.bulk_create(new, ignore_conflicts=True)
    yield rows.count()
    yield list(rows.order_by("pk").values_list(*VALUES))


def agree(databases, *constraints):
    model = model_of("pair", *constraints)
    with tables_of(model), tables_of(model, using="oracle"):
        for seed in range(3):
            for alias in ("default", "oracle"):
                model.objects.using(alias).all().delete()
            found = list(act(model, "default", seed))
            assert found == list(act(model, "oracle", seed))
            assert "refused" in found


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_says_which_rows_are_unique(databases, name):
    agree(
        databases,
        UniqueConstraint(fields=["code"], condition=CONDITIONS[name], name="single"),
    )
