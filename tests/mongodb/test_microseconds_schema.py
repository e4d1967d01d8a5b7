"""Schemas with datetimes of microseconds: unique ones, indexes, and their changes."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from bson import Int64
from django.apps.registry import Apps
from django.core.management import call_command
from django.db import (
    IntegrityError,
    ProgrammingError,
    connection,
    models,
    transaction,
)
from django.db.models import F, Index, Q, UniqueConstraint
from django.test.utils import isolate_apps

from nonrel_backend.mongodb import metadata

MILLISECOND = datetime(2020, 1, 2, 10, 30, 0, 123_000, UTC)
MOMENT = MILLISECOND + timedelta(microseconds=456)
# They differ in microseconds only; the first has none.
MOMENTS = [MILLISECOND, MOMENT, MOMENT + timedelta(microseconds=1)]
MICROSECONDS = Int64(1_577_961_000_123_456)
CUT = MILLISECOND.replace(tzinfo=None)
# A text, the datetime that it becomes, and the text that this becomes.
TEXT = "2020-01-02 10:30:00.123456"
CONVERTED = datetime.fromisoformat(f"{TEXT}-06:00")  # TIME_ZONE is Chicago's
UTC_TEXT = str(CONVERTED.astimezone(UTC).replace(tzinfo=None))


def model_of(table="precise", options=None, **fields):
    options = {"apps": Apps(), "app_label": "tests", "db_table": table} | (
        options or {}
    )
    meta = type("Meta", (), options)
    return type(
        "Precise", (models.Model,), {"__module__": __name__, "Meta": meta, **fields}
    )


@pytest.fixture
def made(databases):
    """Return a function: a model with these fields, and a collection of it."""
    tables = set()

    def make(table="precise", options=None, **fields):
        model = model_of(table, options, **fields)
        with connection.schema_editor() as editor:
            editor.create_model(model)
        tables.add(table)
        return model

    yield make
    for table in tables:
        with connection.schema_editor() as editor:
            editor.execute(f'DROP TABLE "{table}"')


def change(method, *arguments):
    with connection.schema_editor() as editor:
        getattr(editor, method)(*arguments)


def field_in(model, name, field):
    field.set_attributes_from_name(name)
    field.model = model
    return field


def altered(model, name, field, new_name=None, **fields):
    """Alter a field; return the model with the new one, and with `fields`."""
    old = model._meta.get_field(name)
    new_name = new_name or name
    table = model._meta.db_table
    new = model_of(table, **{new_name: field, **fields})
    change("alter_field", model, old, new._meta.get_field(new_name))
    return new


def indexes(table="precise"):
    """Return {keys: whether unique} of the indexes as MongoDB has them."""
    return {
        tuple(index["key"].items()): bool(index.get("unique"))
        for index in connection.database[table].list_indexes()
        if list(index["key"]) != ["_id"]
    }


def documents(table="precise"):
    return list(connection.database[table].find({}, {"_id": 0}).sort("_id"))


def values(model, name="at"):
    return list(model.objects.order_by("pk").values_list(name, flat=True))


# --- unique datetimes ---


@pytest.fixture
def unique(made):
    model = made(at=models.DateTimeField(unique=True, null=True))
    for moment in MOMENTS:
        model.objects.create(at=moment)
    return model


DUPLICATES = {
    "create": lambda model, at: model.objects.create(at=at),
    "bulk_create": lambda model, at: model.objects.bulk_create([model(at=at)]),
    "two at once": lambda model, at: model.objects.bulk_create(
        [model(at=at + timedelta(hours=1)), model(at=at + timedelta(hours=1))]
    ),
    "update": lambda model, at: (
        model.objects.exclude(at=at)
        .filter(pk=model.objects.exclude(at=at)[0].pk)
        .update(at=at)
    ),
    "save": lambda model, at: model(model.objects.exclude(at=at)[0].pk, at).save(),
    "bulk_update": lambda model, at: model.objects.bulk_update(
        [model(model.objects.exclude(at=at)[0].pk, at)], ["at"]
    ),
    "update_or_create": lambda model, at: model.objects.update_or_create(
        pk=model.objects.exclude(at=at)[0].pk, defaults={"at": at}
    ),
}


def test_datetimes_that_differ_in_microseconds_are_unique(unique):
    assert values(unique) == MOMENTS
    assert documents() == [
        {"at": CUT},
        {"at": CUT, "at__us": MICROSECONDS},
        {"at": CUT, "at__us": MICROSECONDS + 1},
    ]


@pytest.mark.parametrize("moment", [0, 1])
@pytest.mark.parametrize("is_atomic", [False, True])
@pytest.mark.parametrize("name", DUPLICATES)
def test_an_equal_datetime_is_refused_by_name_and_value(
    unique, name, is_atomic, moment
):
    at = MOMENTS[moment]
    with pytest.raises(IntegrityError) as caught:
        if is_atomic:
            with transaction.atomic():
                unique.objects.create(at=at + timedelta(days=1))
                DUPLICATES[name](unique, at)
        else:
            DUPLICATES[name](unique, at)
    text = str(caught.value)
    at = at if name != "two at once" else at + timedelta(hours=1)
    assert repr(at.replace(tzinfo=None)) in text
    assert "__us" not in text
    assert values(unique) == MOMENTS


@pytest.mark.parametrize("is_atomic", [False, True])
def test_upserts_find_the_row_of_the_whole_datetime(unique, is_atomic):
    rows = [unique(at=moment) for moment in (*MOMENTS, MOMENTS[2] + timedelta(1))]
    upsert = {
        "update_conflicts": True,
        "unique_fields": ["at"],
        "update_fields": ["at"],
    }
    if is_atomic:
        with transaction.atomic():
            unique.objects.create(at=None)
            unique.objects.bulk_create(rows, **upsert)
    else:
        unique.objects.bulk_create(rows, **upsert)
    assert sorted(filter(None, values(unique))) == [row.at for row in rows]


@pytest.mark.parametrize("is_atomic", [False, True])
def test_conflicts_of_the_whole_datetime_are_ignored(unique, is_atomic):
    new = MOMENTS[2] + timedelta(microseconds=1)
    rows = [unique(at=moment) for moment in (*MOMENTS, new, new)]
    if is_atomic:
        with transaction.atomic():
            unique.objects.create(at=None)
            unique.objects.bulk_create(rows, ignore_conflicts=True)
    else:
        unique.objects.bulk_create(rows, ignore_conflicts=True)
    assert sorted(filter(None, values(unique))) == [*MOMENTS, new]


def test_rows_exchange_datetimes_of_one_millisecond(unique):
    first, second, _ = unique.objects.order_by("pk")
    with transaction.atomic():
        unique.objects.filter(pk=first.pk).update(at=MOMENT + timedelta(days=1))
        unique.objects.filter(pk=second.pk).update(at=MILLISECOND)
        unique.objects.filter(pk=first.pk).update(at=MOMENT)
    assert values(unique) == [MOMENT, MILLISECOND, MOMENTS[2]]


def test_nulls_are_distinct(unique):
    unique.objects.bulk_create([unique(at=None), unique(at=None)])
    with transaction.atomic():
        unique.objects.filter(at=MOMENT).update(at=None)
        unique.objects.filter(at=MILLISECOND).update(at=None)
    assert values(unique).count(None) == 4


# --- indexes ---


@pytest.fixture
def visits(databases):
    """Return an embedded model with a datetime."""
    from nonrel_backend.fields import EmbeddedModel

    class Visit(EmbeddedModel):
        start = models.DateTimeField()

        class Meta:
            app_label = "tests"
            apps = Apps()

    return Visit


def list_of(field, **options):
    from nonrel_backend.fields import ListField

    return ListField(field, **options)


def embedded(model, **options):
    from nonrel_backend.fields import EmbeddedModelField

    return EmbeddedModelField(model, **options)


def test_indexes_have_the_hidden_key_after_the_datetime(made, visits):
    options = {
        "indexes": [
            Index(fields=["-at", "n"], name="down"),
            Index(F("visit__start").desc(), name="path"),
            Index(fields=["days"], name="items"),
        ],
        "constraints": [
            UniqueConstraint(fields=["n", "at"], name="both"),
            UniqueConstraint(
                fields=["at"], condition=Q(at__gte=MILLISECOND), name="some"
            ),
            UniqueConstraint(F("visit__start"), name="unique_path"),
        ],
    }
    model = made(
        options=options,
        at=models.DateTimeField(db_index=True),
        n=models.IntegerField(),
        visit=embedded(visits),
        days=list_of(models.DateTimeField(), default=list),
        on=models.DateField(db_index=True, default=date.today),
    )
    assert indexes() == {
        (("at", 1), ("at__us", 1)): True,  # "some", after the field's own
        (("at", -1), ("at__us", -1), ("n", 1)): False,
        (("n", 1), ("at", 1), ("at__us", 1)): True,
        (("visit.start", -1), ("visit.start__us", -1)): False,
        (("visit.start", 1), ("visit.start__us", 1)): True,
        (("days", 1),): False,
        (("on", 1),): False,
    }
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "precise")
    shown = {
        name: (facts["columns"], facts.get("orders"))
        for name, facts in found.items()
        if not name.startswith("precise_")
    }
    assert shown == {
        "_id_": (["id"], None),
        "down": (["at", "n"], ["DESC", "ASC"]),
        "path": ([None], ["DESC"]),
        "items": (["days"], ["ASC"]),
        "both": (["n", "at"], ["ASC", "ASC"]),
        "some": (["at"], ["ASC"]),
        "unique_path": ([None], ["ASC"]),
    }
    change("remove_index", model, options["indexes"][0])
    change("remove_constraint", model, options["constraints"][0])
    assert not {name for index in indexes() for name, _ in index} & {"n"}


def test_a_unique_path_is_of_whole_datetimes(made, visits):
    constraint = UniqueConstraint(F("visit__start"), name="unique_path")
    model = made(
        options={"constraints": [constraint]},
        visit=embedded(visits, null=True),
    )
    for moment in (*MOMENTS, None, None):
        model.objects.create(visit=moment and visits(start=moment))
    for moment in MOMENTS:
        with pytest.raises(IntegrityError) as caught:
            model.objects.create(visit=visits(start=moment))
        assert "__us" not in str(caught.value)
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            model.objects.create(visit=None)
            model.objects.create(visit=visits(start=moment))
        assert "__us" not in str(caught.value)
    assert model.objects.count() == 5


@pytest.mark.parametrize(
    "condition, partial",
    [
        (Q(at__gte=MILLISECOND), {"at": {"$gte": CUT}}),
        (Q(at__lt=MILLISECOND), {"at": {"$lt": CUT}}),
        (Q(at__gte=MILLISECOND, at__isnull=False), {"at": {"$gte": CUT}}),
        (Q(at=MOMENT), {"at": {"$eq": CUT}, "at__us": {"$eq": MICROSECONDS}}),
    ],
)
def test_a_partial_index_is_of_both_columns(made, condition, partial):
    index = Index(fields=["n"], condition=condition, name="part")
    model = made(at=models.DateTimeField(null=True), n=models.IntegerField())
    change("add_index", model, index)
    found = connection.database["precise"].index_information()
    assert found["part"]["partialFilterExpression"] == partial


def test_a_unique_condition_holds_for_whole_datetimes(made, visits):
    constraint = UniqueConstraint(
        fields=["at"], condition=Q(at__gte=MILLISECOND), name="unique"
    )
    model = made(options={"constraints": [constraint]}, at=models.DateTimeField())
    before = MILLISECOND - timedelta(microseconds=1)
    for moment in (before, before, *MOMENTS):
        model.objects.create(at=moment)
    for moment in MOMENTS:
        with pytest.raises(IntegrityError):
            model.objects.create(at=moment)
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.create(at=before)
            model.objects.create(at=moment)


# --- tables and columns ---


def test_migrations_make_tables_that_keep_microseconds(made):
    model = made(at=models.DateTimeField())
    assert connection.keeps_microseconds("precise")
    change("alter_db_table", model, "precise", "renamed")
    try:
        assert connection.keeps_microseconds("renamed")
        assert not connection.keeps_microseconds("precise")
    finally:
        change("alter_db_table", model, "renamed", "precise")


def test_a_table_that_another_process_makes_keeps_microseconds(made):
    model = model_of("later", at=models.DateTimeField())
    assert not connection.keeps_microseconds("later")
    with pytest.raises(ProgrammingError, match="no such table"):
        model.objects.create(at=MOMENT)
    other = connection.copy()
    try:
        with other.schema_editor() as editor:
            editor.create_model(model)
        model.objects.create(at=MOMENT)
        assert values(model) == [MOMENT]
        with other.schema_editor() as editor:
            editor.delete_model(model)
    finally:
        other.close()


def test_an_adopted_table_does_not_keep_microseconds(databases):
    model = model_of("adopted", at=models.DateTimeField(db_index=True))
    connection.database["adopted"].insert_one({"_id": 1, "at": CUT})
    try:
        field = field_in(model, "new", models.DateTimeField(default=MOMENT))
        change("add_field", model, field)
        entry = metadata.entry_of(connection, "adopted")
        assert entry["adopted"] and not metadata.keeps_microseconds(entry)
        assert documents("adopted") == [{"at": CUT, "new": CUT}]
        change("add_index", model, Index(fields=["at"], name="at"))
        assert indexes("adopted") == {(("at", 1),): False}
    finally:
        with connection.schema_editor() as editor:
            editor.execute('DROP TABLE "adopted"')


def test_a_renamed_column_keeps_its_microseconds(unique):
    new = altered(
        unique, "at", models.DateTimeField(unique=True, null=True), new_name="moment"
    )
    assert documents()[1] == {"moment": CUT, "moment__us": MICROSECONDS}
    assert indexes() == {(("moment", 1), ("moment__us", 1)): True}
    assert values(new, "moment") == MOMENTS
    with pytest.raises(IntegrityError):
        new.objects.create(moment=MOMENT)


def test_a_removed_column_leaves_nothing(unique):
    change("remove_field", unique, unique._meta.get_field("at"))
    assert documents() == [{}, {}, {}]
    assert indexes() == {}


def test_a_new_column_has_the_whole_default(made):
    model = made(n=models.IntegerField(default=1))
    model.objects.create()
    field = models.DateTimeField(default=MOMENT, db_index=True)
    change("add_field", model, field_in(model, "at", field))
    assert documents() == [{"n": 1, "at": CUT, "at__us": MICROSECONDS}]
    assert indexes() == {(("at", 1), ("at__us", 1)): False}
    days = list_of(models.DateTimeField(), default=lambda: [MILLISECOND, MOMENT])
    change("add_field", model, field_in(model, "days", days))
    assert documents()[0]["days__us"] == [None, MICROSECONDS]


def test_a_default_replaces_nulls(unique):
    unique.objects.all().delete()
    unique.objects.create(at=None)
    altered(unique, "at", models.DateTimeField(default=MOMENT, unique=True))
    assert documents() == [{"at": CUT, "at__us": MICROSECONDS}]
    assert indexes() == {(("at", 1), ("at__us", 1)): True}


# --- types ---


def test_datetimes_become_text(unique):
    altered(unique, "at", models.CharField(max_length=40, unique=True, null=True))
    assert documents()[0] == {"at": "2020-01-02 10:30:00.123000"}
    assert documents()[1] == {"at": "2020-01-02 10:30:00.123456"}
    assert indexes() == {(("at", 1),): True}


def test_text_becomes_datetimes(made):
    model = made(at=models.CharField(max_length=40, unique=True, null=True))
    for moment in MOMENTS:
        model.objects.create(at=str(moment))
    new = altered(model, "at", models.DateTimeField(unique=True, null=True))
    assert values(new) == MOMENTS
    assert documents()[1] == {"at": CUT, "at__us": MICROSECONDS}
    assert indexes() == {(("at", 1), ("at__us", 1)): True}
    with pytest.raises(IntegrityError):
        new.objects.create(at=MOMENT)
    new.objects.create(at=MOMENT - timedelta(microseconds=1))


def test_a_failed_conversion_leaves_indexes_and_rows(made):
    model = made(
        options={"indexes": [Index(fields=["-at", "n"], name="both")]},
        at=models.CharField(max_length=40, null=True),
        n=models.IntegerField(default=1),
    )
    model.objects.create(at=str(MOMENT))
    model.objects.create(at="never")
    before = documents(), indexes()
    with pytest.raises(Exception, match="never"):
        altered(model, "at", models.DateTimeField(null=True))
    assert (documents(), indexes()) == before
    model.objects.filter(at="never").update(at=None)
    altered(model, "at", models.DateTimeField(null=True))
    assert indexes() == {(("at", -1), ("at__us", -1), ("n", 1)): False}
    assert documents()[0] == {"at": CUT, "at__us": MICROSECONDS, "n": 1}


def test_datetimes_become_dates(made):
    model = made(at=models.DateTimeField(db_index=True))
    model.objects.create(at=MOMENT)
    new = altered(model, "at", models.DateField(db_index=True))
    assert values(new) == [MOMENT.date()]
    assert documents() == [{"at": datetime(2020, 1, 2)}]
    assert indexes() == {(("at", 1),): False}


def test_values_stay_unique_in_a_column_with_nulls_of_another_type(made):
    model = made(code=models.CharField(max_length=9, unique=True, null=True))
    model.objects.bulk_create([model(code="1"), model(code=None), model(code=None)])
    new = altered(model, "code", models.IntegerField(unique=True, null=True))
    with pytest.raises(IntegrityError):
        new.objects.create(code=1)
    new.objects.create(code=None)


def test_lists_of_datetimes_change(made):
    model = made(days=list_of(models.DateTimeField()))
    model.objects.create(days=[MILLISECOND, MOMENT])
    new = altered(model, "days", list_of(models.DateTimeField(null=True)), "moments")
    assert documents() == [{"moments": [CUT, CUT], "moments__us": [None, MICROSECONDS]}]
    assert values(new, "moments") == [[MILLISECOND, MOMENT]]
    dates = altered(new, "moments", list_of(models.DateField()))
    assert values(dates, "moments") == [[MOMENT.date()] * 2]
    assert list(documents()[0]) == ["moments"]


# --- keys ---


def test_the_microseconds_of_a_new_primary_key_are_beside_the_id(made):
    model = made(
        code=models.CharField(max_length=9, primary_key=True),
        at=models.DateTimeField(unique=True),
    )
    model.objects.create(code="a", at=MOMENT)
    old = model._meta.get_field("at")
    new = model_of(
        code=models.CharField(max_length=9), at=models.DateTimeField(primary_key=True)
    )
    change("alter_field", model, old, new._meta.get_field("at"))
    found = connection.database["precise"].find_one()
    assert found == {"_id": CUT, "_id__us": MICROSECONDS, "code": "a"}
    assert values(new) == [MOMENT]
    change("alter_field", new, new._meta.get_field("at"), old)
    found = connection.database["precise"].find_one()
    assert (found["at"], found["at__us"]) == (CUT, MICROSECONDS)
    assert "_id__us" not in found


def test_a_primary_key_is_converted_with_its_microseconds(made):
    key = {"primary_key": True}
    model = made(at=models.CharField(max_length=32, **key))
    model.objects.create(at=TEXT)
    moment = altered(model, "at", models.DateTimeField(**key))
    assert values(moment) == [CONVERTED]
    text = altered(moment, "at", models.CharField(max_length=32, **key))
    assert values(text) == [UTC_TEXT]
    assert list(connection.database["precise"].find_one()) == ["_id"]


def test_a_primary_key_is_renamed_with_its_microseconds(made):
    model = made(at=models.DateTimeField(primary_key=True))
    model.objects.create(at=MOMENT)
    renamed = altered(model, "at", models.DateTimeField(primary_key=True), "since")
    assert values(renamed, "since") == [MOMENT]


def test_a_composite_key_is_made_of_a_datetime_key(made):
    fields = {"n": models.IntegerField()}
    model = made(at=models.DateTimeField(primary_key=True), **fields)
    model.objects.create(at=MOMENT, n=7)
    key = models.CompositePrimaryKey("at", "n")
    composite = model_of(pk=key, at=models.DateTimeField(), **fields)
    change("add_field", model, composite._meta.pk)
    parts = {"at": CUT, "at__us": MICROSECONDS, "n": 7}
    assert connection.database["precise"].find_one() == {"_id": parts, **parts}
    composite.objects.create(at=MOMENT + timedelta(microseconds=1), n=7)
    row = composite.objects.get(pk=(MOMENT, 7))
    row.delete()
    assert values(composite) == [MOMENT + timedelta(microseconds=1)]


@isolate_apps("tests.library")
def key_and_mark(field):
    class Key(models.Model):
        at = field

        class Meta:
            app_label, db_table = "library", "precise"

    class Mark(models.Model):
        key = models.ForeignKey(Key, models.CASCADE)

        class Meta:
            app_label, db_table = "library", "marks"

    return Key, Mark


def test_foreign_keys_are_converted_with_their_microseconds(databases):
    old, old_mark = key_and_mark(models.CharField(max_length=32, primary_key=True))
    new, mark = key_and_mark(models.DateTimeField(primary_key=True))
    for model in (old, old_mark):
        change("create_model", model)
    try:
        old_mark.objects.create(key=old.objects.create(at=TEXT))
        fields = (old._meta.get_field("at"), new._meta.get_field("at"))
        change("alter_field", old, *fields)
        assert mark.objects.get(key=CONVERTED).key.at == CONVERTED
        assert indexes("marks") == {(("key_id", 1), ("key_id__us", 1)): False}
        change("alter_field", new, *reversed(fields))
        assert old_mark.objects.get(key=UTC_TEXT).key.at == UTC_TEXT
        assert indexes("marks") == {(("key_id", 1),): False}
    finally:
        for model in (old_mark, old):
            change("delete_model", model)


def test_a_new_key_leaves_the_microseconds_of_others(made):
    model = made(
        code=models.CharField(max_length=9, primary_key=True),
        at=models.DateTimeField(unique=True),
    )
    model.objects.create(code="7", at=MOMENT)
    new = altered(
        model,
        "code",
        models.IntegerField(primary_key=True),
        at=models.DateTimeField(unique=True),
    )
    assert values(new) == [MOMENT]
    assert indexes() == {(("at", 1), ("at__us", 1)): True}


def test_a_composite_key_is_added_and_removed(made):
    fields = {"n": models.IntegerField(), "at": models.DateTimeField(unique=True)}
    model = made(**fields)
    model.objects.create(n=7, at=MOMENT)
    key = models.CompositePrimaryKey("id", "n")
    composite = model_of(
        pk=key,
        id=models.IntegerField(),
        n=models.IntegerField(),
        at=models.DateTimeField(unique=True),
    )
    change("add_field", model, composite._meta.pk)
    assert values(composite) == [MOMENT]
    change("remove_field", composite, composite._meta.pk)
    assert values(model) == [MOMENT]
    assert indexes() == {(("at", 1), ("at__us", 1)): True}


# --- introspection ---


def test_hidden_keys_are_no_columns(unique):
    with connection.cursor() as cursor:
        inspect = connection.introspection
        description = inspect.get_table_description(cursor, "precise")
        facts = inspect.get_constraints(cursor, "precise")
    assert [column.name for column in description] == ["id", "at"]
    assert [each["columns"] for each in facts.values()] == [["id"], ["at"]]
    with connection.schema_editor() as editor:
        (known,) = editor.known_indexes("precise").values()
    assert known == (["at"], True)


def test_hidden_keys_become_no_fields(databases):
    collection = connection.database["copied"]
    day = {"at": CUT, "at__us": MICROSECONDS}
    collection.insert_one(
        {
            **day,
            "days": [CUT, CUT],
            "days__us": [None, MICROSECONDS],
            "visit": day,
            "visits": [day],
            "own__us": 1,
            "other": "text",
            "other__us": 2,
        }
    )
    collection.create_index([("at", 1), ("at__us", 1)], unique=True)
    out = StringIO()
    try:
        call_command("inspectdb", "copied", stdout=out)
    finally:
        collection.drop()
        connection.known_unique_indexes.clear()
    lines = [line.strip() for line in out.getvalue().splitlines()]
    fields = [line for line in lines if " = " in line and "Field(" in line]
    names = [line.partition(" = ")[0] for line in fields]
    assert "at = models.DateTimeField(unique=True)" in fields
    assert "at_us" not in names and "days_us" not in names
    assert names.count("own_us") == names.count("other_us") == 1
