"""Unique constraints with conditions keep the same rows out as on SQLite."""

import operator
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.apps.registry import Apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, migrations, models
from django.db.migrations import AddConstraint, RemoveConstraint
from django.db.models import F, Q, UniqueConstraint
from django.db.models.functions import Length, Lower
from django.db.models.lookups import GreaterThan

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
    # Partial indexes of MongoDB's have these, but not the next.
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
COMPUTED = {
    "columns": Q(n__gt=F("m")),
    "columns_sum": Q(n=F("m") + 1),
    "suffix": Q(tag__endswith="b"),
    "contains": ~Q(label__contains="a"),
    "caseless": Q(tag__iexact="AB"),
    "function": Q(GreaterThan(Length("tag"), 1)),
    "path": Q(data__a=1),
    "no_path": ~Q(data__a=1),
    "month": Q(day__month=5),
    "deep": Q(flag=True)
    & ((Q(n=1) & (Q(m=1) | Q(tag="a"))) | ~Q(tag="") & ~Q(at=MOMENT)),
    "both": Q(n__gt=F("m")) & ~Q(tag=""),
    "exclusive": Q(flag=True) ^ Q(maybe=True) ^ Q(n=1),
}
CONDITIONS |= COMPUTED


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


def rows_of(generator, count, first=1):
    """Return the values of rows with the keys from `first` on."""
    return [
        {"pk": first + number}
        | {name: generator.choice(values) for name, values in VALUES.items()}
        for number in range(count)
    ]


def act(model, alias, seed):
    """Yield what comes of random writes."""
    generator = random.Random(seed)
    rows = model.objects.using(alias)
    for values in rows_of(generator, 20):
        yield outcome(lambda values=values: rows.create(**values).pk is not None)
    keys = sorted(rows.values_list("pk", flat=True))
    for pk in keys:
        (values,) = rows_of(generator, 1)
        name = generator.choice([*VALUES])
        change = {name: values[name]}
        yield outcome(lambda pk=pk, change=change: rows.filter(pk=pk).update(**change))
        yield outcome(lambda pk=pk: rows.filter(pk=pk).update(n=F("n") + 1))
    for pk in keys:
        (values,) = rows_of(generator, 1)
        found = rows.get(pk=pk)
        for name in VALUES:
            setattr(found, name, values[name])
        names = generator.choice([None, ["n", "tag"], ["flag"]])
        yield outcome(lambda found=found, names=names: found.save(update_fields=names))
    new = [model(**values) for values in rows_of(generator, 10, first=101)]
    rows.bulk_create(new, ignore_conflicts=True)
    yield rows.count()
    yield list(rows.order_by("pk").values_list(*VALUES))


def agree(databases, *constraints):
    model = model_of("pair", *constraints)
    with tables_of(model), tables_of(model, using="oracle"):
        found = list(act(model, "default", 1))
        assert found == list(act(model, "oracle", 1))
    return "refused" in found


def combined(generator, depth=3):
    """Return a random condition of some of CONDITIONS."""
    if depth == 0 or generator.random() < 0.2:
        found = generator.choice([*CONDITIONS.values()])
    else:
        join = generator.choice([operator.and_, operator.or_, operator.or_])
        found = join(combined(generator, depth - 1), combined(generator, depth - 1))
    return ~found if generator.random() < 0.3 else found


@pytest.mark.parametrize("seed", range(8))
def test_random_conditions_say_which_rows_are_unique(databases, seed):
    condition = combined(random.Random(seed))
    agree(
        databases,
        UniqueConstraint(fields=["code", "other"], condition=condition, name="single"),
    )


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_says_which_rows_are_unique(databases, name):
    assert agree(
        databases,
        UniqueConstraint(fields=["code"], condition=CONDITIONS[name], name="single"),
    )


@pytest.mark.parametrize("name", ["columns", "bool", "nullable_bool"])
def test_the_unique_columns_may_be_null(databases, name):
    assert agree(
        databases,
        UniqueConstraint(
            fields=["m", "code"], condition=CONDITIONS[name], name="single"
        ),
    )


@pytest.mark.parametrize("name", ["columns", "text", "nullable_bool"])
def test_expressions_are_unique_under_a_condition(databases, name):
    condition = CONDITIONS[name]
    assert agree(
        databases,
        UniqueConstraint(Lower("label"), "code", condition=condition, name="single"),
    )


def test_several_conditions_of_the_same_columns(databases):
    assert agree(
        databases,
        UniqueConstraint(fields=["code"], condition=CONDITIONS["columns"], name="one"),
        UniqueConstraint(fields=["code"], condition=CONDITIONS["month"], name="two"),
        UniqueConstraint(fields=["code"], condition=CONDITIONS["text"], name="three"),
    )


# --- changes of the schema ---

# One that a partial index of MongoDB has, and one that a hidden key keeps.
KINDS = {
    "server": ~Q(tag="") & (Q(n=1) | Q(n=2)),
    "computed": ~Q(tag="") & Q(n__gt=F("m")),
}


@pytest.fixture(params=KINDS)
def items(run_operations, request):
    """Return a function that runs operations and returns the model, and a constraint.

    Its rows are unique by `code` where they have a tag and n = 1, m = 0.
    """
    constraint = UniqueConstraint(
        fields=["code"], condition=KINDS[request.param], name="single"
    )

    def run(*operations):
        return run_operations("kept", *operations).get_models()[0]

    run(
        migrations.CreateModel(
            "Item",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("code", models.IntegerField(default=1)),
                ("tag", models.CharField(max_length=9, default="a")),
                ("n", models.IntegerField(null=True, default=1)),
                ("m", models.IntegerField(default=0)),
            ],
        )
    )
    return run, constraint


def constraints_of(model):
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, model._meta.db_table)


def is_kept(model, **values):
    """Assert that the condition is true of one row only, after any kind of write."""
    model.objects.all().delete()
    first = model.objects.create()
    others = [model.objects.create(tag="", **values) for _ in range(2)]
    with pytest.raises(IntegrityError):
        model.objects.create()
    with pytest.raises(IntegrityError):
        model.objects.filter(pk=others[0].pk).update(tag="b")
    first.delete()
    assert model.objects.filter(pk=others[0].pk).update(tag="b") == 1
    with pytest.raises(IntegrityError):
        model.objects.filter(pk=others[1].pk).update(tag="c")


def test_a_constraint_is_added_to_rows(items):
    run, constraint = items
    run(AddConstraint("Item", constraint))
    model = run(RemoveConstraint("Item", "single"))
    model.objects.bulk_create([model(tag=tag) for tag in ("a", "", "")])
    model = run(AddConstraint("Item", constraint))
    with pytest.raises(IntegrityError):
        model.objects.filter(tag="").update(tag="b")
    with pytest.raises(IntegrityError):
        model.objects.create()
    is_kept(model)


def test_rows_against_a_new_constraint_are_an_error(items):
    run, constraint = items
    model = run(migrations.AlterModelOptions("Item", {}))
    model.objects.bulk_create([model(), model()])
    with pytest.raises(IntegrityError, match=r"single|code"):
        run(AddConstraint("Item", constraint))
    assert "single" not in constraints_of(model)
    model.objects.create()
    assert model.objects.update(tag="b") == 3
    model.objects.all().delete()
    is_kept(run(AddConstraint("Item", constraint)))


def test_a_removed_constraint_keeps_out_no_rows(items):
    run, constraint = items
    run(AddConstraint("Item", constraint))
    model = run(RemoveConstraint("Item", "single"))
    model.objects.bulk_create([model(), model()])
    assert model.objects.update(n=2) == 2


def test_a_condition_follows_a_renamed_column(items):
    run, constraint = items
    run(AddConstraint("Item", constraint))
    model = run(migrations.RenameField("Item", "n", "number"))
    is_kept(model)
    found = constraints_of(model)["single"]
    assert (found["columns"], found["unique"]) == (["code"], True)


def test_a_condition_follows_a_renamed_table(items):
    run, constraint = items
    run(AddConstraint("Item", constraint))
    is_kept(run(migrations.AlterModelTable("Item", "kept_other")))


def test_a_condition_compares_a_column_of_another_type(items):
    run, constraint = items
    model = run(AddConstraint("Item", constraint))
    model.objects.create()
    model.objects.create(tag="")
    run(migrations.AlterField("Item", "n", models.FloatField(null=True, default=1)))
    model = run(migrations.AlterField("Item", "m", models.FloatField(default=0)))
    with pytest.raises(IntegrityError):
        model.objects.filter(tag="").update(tag="b")
    is_kept(model)


def test_a_condition_sees_the_values_that_take_the_place_of_nulls(items):
    run, constraint = items
    model = run(AddConstraint("Item", constraint))
    model.objects.create(n=None)
    model = run(migrations.AlterField("Item", "n", models.IntegerField(default=1)))
    with pytest.raises(IntegrityError):
        model.objects.create()
    is_kept(model)


def test_a_constraint_goes_with_a_column_of_its_condition(items):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite refuses to remove the column.")
    run, constraint = items
    run(AddConstraint("Item", constraint))
    model = run(migrations.RemoveField("Item", "n"))
    model.objects.bulk_create([model(), model()])
    assert model.objects.count() == 2


def test_every_way_of_writing_heeds_a_condition(items):
    run, constraint = items
    model = run(
        AddConstraint("Item", constraint),
        AddConstraint("Item", UniqueConstraint(fields=["m", "tag"], name="key")),
    )
    rows = model.objects
    rows.create(tag="x")
    free = rows.create(tag="y", n=None)
    ways = [
        lambda: rows.filter(pk=free.pk).update(n=1),
        lambda: rows.filter(pk=free.pk).update(n=F("m") + 1),
        lambda: rows.bulk_update([model(pk=free.pk, n=1)], ["n"]),
        lambda: model(pk=free.pk, tag="y").save(),
        lambda: rows.update_or_create(pk=free.pk, defaults={"n": 1}),
        lambda: rows.bulk_create(
            [model(tag="y", n=1)],
            update_conflicts=True,
            unique_fields=["m", "tag"],
            update_fields=["n"],
        ),
        lambda: rows.bulk_create([model(tag="z")]),
    ]
    for way in ways:
        with pytest.raises(IntegrityError):
            way()
        assert rows.get(pk=free.pk).n is None
    rows.bulk_create([model(tag="z")], ignore_conflicts=True)
    assert rows.count() == 2
    rows.filter(tag="x").update(n=None)
    for way in ways[:-1]:
        way()
        assert rows.get(tag="y").n == 1
        with pytest.raises(IntegrityError):
            rows.filter(tag="x").update(n=1)
        rows.filter(tag="y").update(n=None)


def test_validation_names_the_constraint(items):
    run, constraint = items
    model = run(AddConstraint("Item", constraint))
    model.objects.create()
    with pytest.raises(ValidationError, match="single"):
        model(tag="b").validate_constraints()
    model(tag="").validate_constraints()
