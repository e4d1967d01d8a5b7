"""Conditions of indexes and unique constraints: the server's own, or hidden keys."""

import threading
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models import ExpressionWrapper, F, Index, Q, UniqueConstraint
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from nonrel_backend.mongodb.hidden_keys import is_hidden_key
from tests.schema.test_partial_uniques import COMPUTED, CONDITIONS, model_of
from tests.tables import tables_of


def partial_of(condition):
    """Return the filter of the partial index that a condition gets, if it gets one."""
    model = model_of("filter")
    with tables_of(model), connection.schema_editor() as editor:
        return editor.partial_of(model, condition)


@pytest.mark.parametrize(
    "condition, partial",
    [
        (~Q(tag=""), {"tag": {"$gt": ""}}),
        (~Q(flag=True), {"flag": {"$eq": False}}),
        (
            ~Q(maybe=True),
            {"$or": [{"maybe": {"$eq": False}}, {"maybe": {"$eq": None}}]},
        ),
        (Q(n__in=[1, 2]), {"n": {"$in": [1, 2]}}),
        (Q(n__range=(0, 2)), {"n": {"$gte": 0, "$lte": 2}}),
        (Q(tag__startswith="ab"), {"tag": {"$gte": "ab", "$lt": "ac"}}),
        (
            Q(flag=True) & (Q(n=1) | Q(m=1)),
            {"flag": {"$eq": True}, "$or": [{"n": {"$eq": 1}}, {"m": {"$eq": 1}}]},
        ),
        (
            ~Q(tag__in=["", "ab"]),
            {"$or": [{"tag": {"$gt": "", "$lt": "ab"}}, {"tag": {"$gt": "ab"}}]},
        ),
    ],
)
def test_the_server_keeps_what_it_can_express(databases, condition, partial):
    assert partial_of(condition) == partial


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_server_expresses_comparisons_with_constants(databases, name):
    assert bool(partial_of(CONDITIONS[name])) == (name not in COMPUTED)


@pytest.mark.parametrize(
    "condition", [Q(n__in=[1, 2]), ~Q(maybe=True), Q(n=1) | Q(m=1)]
)
def test_old_servers_have_no_alternatives(databases, monkeypatch, condition):
    assert partial_of(condition)
    monkeypatch.setattr(connection, "get_database_version", lambda: (5, 0, 9))
    assert partial_of(condition) is None
    assert partial_of(~Q(tag="")) == {"tag": {"$gt": ""}}


def test_nulls_are_distinct_where_the_condition_is_that_they_are_null(databases):
    """As on SQLite: the constraint keeps out nothing."""
    constraint = UniqueConstraint(
        fields=["other", "code"], condition=Q(other=None), name="none"
    )
    model = model_of("nulls", constraint)
    with tables_of(model):
        for _ in range(2):
            model.objects.create(other=None)
        assert model.objects.count() == 2


@pytest.mark.parametrize("where", ["server", "transaction"])
def test_a_row_that_comes_under_the_condition_is_refused(databases, where):
    condition = ~Q(tag="") & (Q(n=1) | ~Q(maybe=True))
    constraint = UniqueConstraint(fields=["code"], condition=condition, name="single")
    model = model_of("refused", constraint)
    with tables_of(model):
        model.objects.create(tag="a")
        model.objects.create(tag="")
        row = model.objects.create(tag="b", maybe=True, n=0)
        with transaction.atomic():
            if where == "transaction":
                assert model.objects.count() == 3
                model.objects.create(code=7)
            with pytest.raises(IntegrityError), transaction.atomic():
                model.objects.filter(pk=row.pk).update(n=F("n") + 1)
            with pytest.raises(IntegrityError), transaction.atomic():
                model.objects.create(tag="c")
            assert not model.objects.filter(n=1).exists()


def test_an_index_whose_condition_the_server_has_not_is_of_all_rows(databases):
    index = Index(fields=["n"], condition=Q(n__gt=F("m")), name="larger")
    model = model_of("indexed")
    with tables_of(model):
        with connection.schema_editor() as editor:
            editor.add_index(model, index)
        found = connection.database["partial_indexed"].index_information()["larger"]
        assert "partialFilterExpression" not in found
        with connection.schema_editor() as editor:
            editor.remove_index(model, index)
        assert (
            "larger" not in connection.database["partial_indexed"].index_information()
        )


# --- hidden keys ---

LARGER = UniqueConstraint(fields=["code"], condition=Q(n__gt=F("m")), name="larger")
LOWER = UniqueConstraint(
    Lower("label"), "m", condition=Q(n__gt=F("m")), name="lower.label"
)


@pytest.fixture
def hiding(databases):
    model = model_of("hiding", LARGER)
    with tables_of(model):
        yield model


def stored(model, **filters):
    """Return {_id: the hidden keys} of the documents."""
    documents = connection.database[model._meta.db_table].find(filters)
    return {
        each["_id"]: {key: each[key] for key in each if is_hidden_key(key)}
        for each in documents
    }


def test_a_document_has_the_key_while_the_condition_holds(hiding):
    rows = hiding.objects
    row = rows.create(n=2, m=1)
    holds = {"larger__if0": 1}
    assert stored(hiding) == {row.pk: holds}
    for change, wanted in [
        (lambda: rows.update(n=1), {}),
        (lambda: rows.update(n=F("n") + 1), holds),
        (lambda: rows.bulk_update([hiding(pk=row.pk, m=None)], ["m"]), {}),
        (lambda: rows.update_or_create(pk=row.pk, defaults={"m": 0}), holds),
        (lambda: rows.update(tag="x"), holds),
        (lambda: hiding(pk=row.pk, n=1, m=1).save(), {}),
        (lambda: hiding(pk=row.pk, n=1, m=0).save(), holds),
    ]:
        change()
        assert stored(hiding) == {row.pk: wanted}
    with transaction.atomic():
        rows.update(code=7)
        mark = transaction.savepoint()
        rows.update(n=0)
        assert stored_in_block(hiding) == [None]
        transaction.savepoint_rollback(mark)
        assert stored_in_block(hiding) == [1]
    assert stored(hiding) == {row.pk: holds}


def stored_in_block(model):
    found = connection.database[model._meta.db_table].find(session=connection.session)
    return [each.get("larger__if0") for each in found]


def test_an_update_of_other_columns_reads_nothing(hiding, commands):
    row = hiding.objects.create(n=2, m=1)
    commands.clear()
    hiding.objects.filter(pk=row.pk).update(tag="x", code=F("code") + 1)
    assert commands == ["update"]


def test_reading_hides_the_key(hiding):
    row = hiding.objects.create(n=2, m=1, tag="a")
    (found,) = hiding.objects.values()
    assert "larger__if0" not in found
    (raw,) = hiding.objects.raw("SELECT * FROM partial_hiding")
    assert raw.pk == row.pk and not hasattr(raw, "larger__if0")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM partial_hiding")
        assert "larger__if0" not in [each[0] for each in cursor.description]
        names = connection.introspection.get_table_description(cursor, "partial_hiding")
        assert "larger__if0" not in [each.name for each in names]
        keys = connection.introspection.get_constraints(cursor, "partial_hiding")
    assert keys["larger"]["columns"] == ["code"]
    found = hiding.objects.get()
    found.save()
    assert stored(hiding) == {row.pk: {"larger__if0": 1}}


def test_raw_sql_fills_the_key(hiding):
    row = hiding.objects.create(n=0, m=1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE partial_hiding SET n = n + 2 WHERE id = %s", [row.pk])
    assert stored(hiding) == {row.pk: {"larger__if0": 1}}


def test_what_has_a_constraint_is_refused_by_name(databases):
    model = model_of("named", LARGER, LOWER)
    with tables_of(model):
        first = model.objects.create(n=2, m=1, label="A")
        key = {"larger__if0": 1, "lower_label__if0": "a", "lower_label__if1": 1}
        assert stored(model) == {first.pk: key}
        with pytest.raises(IntegrityError, match="larger"):
            model.objects.create(n=2, m=1)
        with pytest.raises(IntegrityError, match=r"lower.label"):
            model.objects.create(n=3, m=1, label="a", code=2)
        for message, code in (("partial_named.code", 1), ("index 'lower_label'", 2)):
            with pytest.raises(IntegrityError, match=message), transaction.atomic():
                assert model.objects.count() == 1
                model.objects.create(n=3, m=1, label="a", code=code)


def test_rows_against_a_new_constraint_are_left_as_they_were(databases, caplog):
    model = model_of("existing")
    with tables_of(model):
        rows = model.objects.bulk_create([model(n=2, m=1), model(n=0), model(n=3, m=1)])
        with connection.schema_editor() as editor:
            with pytest.raises(IntegrityError, match="larger"):
                editor.add_constraint(model, LARGER)
        assert stored(model) == {row.pk: {} for row in rows}
        schema = connection.database["nonrel_schema"]
        assert schema.find_one({"_id": "partial_existing"})["hidden"] == []
        rows[2].delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(model, LARGER)
        assert stored(model) == {1: {"larger__if0": 1}, 2: {}}
        assert "only writes by Django fill" in caplog.text
        with connection.schema_editor() as editor:
            editor.remove_constraint(model, LARGER)
        assert stored(model) == {1: {}, 2: {}}
        assert (
            "larger" not in connection.database["partial_existing"].index_information()
        )
        model.objects.update(n=5)
        assert stored(model) == {1: {}, 2: {}}


def test_a_condition_on_the_automatic_key(databases):
    even = ExpressionWrapper(F("id") % 2, models.IntegerField())
    condition = Q(Exact(even, 0))
    constraint = UniqueConstraint(fields=["code"], condition=condition, name="even")
    model = model_of("automatic", constraint)
    with tables_of(model):
        rows = [model.objects.create(code=code) for code in (1, 1, 2)]
        with pytest.raises(IntegrityError):
            model.objects.create(code=1)
        made = model.objects.bulk_create([model(code=3), model(code=3)])
        assert [each.pk for each in (*rows, *made)] == [1, 2, 3, 5, 6]
        keys = stored(model)
        assert [key for key in keys if keys[key]] == [2, 6]


def test_other_programs_collections(databases):
    """What a migration adds to them is hidden from inspectdb, too."""
    collection = connection.database["partial_adopted"]
    collection.insert_many([{"_id": 1, "n": 2, "m": 1, "code": 1}, {"_id": 2, "n": 0}])
    model = model_of("adopted")
    try:
        with connection.schema_editor() as editor:
            editor.add_constraint(model, LARGER)
        assert stored(model) == {1: {"larger__if0": 1}, 2: {}}
        with connection.cursor() as cursor:
            names = connection.introspection.get_table_description(
                cursor, "partial_adopted"
            )
        assert [each.name for each in names] == ["id", "n", "m", "code"]
        out = StringIO()
        call_command("inspectdb", "partial_adopted", stdout=out)
        assert "__if" not in out.getvalue()
        assert "unique" not in out.getvalue().lower().replace("a unique constraint", "")
    finally:
        with connection.schema_editor() as editor:
            editor.execute('DROP TABLE "partial_adopted"')


def test_two_writers_of_the_columns_of_a_condition_meet(hiding):
    """One of them is repeated: the key is that of both columns."""
    row = hiding.objects.create(n=0, m=0)
    started = threading.Barrier(2)

    def write(**values):
        try:
            started.wait(10)
            for _ in range(10):
                hiding.objects.filter(pk=row.pk).update(
                    **{name: F(name) + value for name, value in values.items()}
                )
        finally:
            connection.close()

    threads = [
        threading.Thread(target=write, kwargs=values) for values in ({"n": 2}, {"m": 1})
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row.refresh_from_db()
    assert (row.n, row.m) == (20, 10)
    assert stored(hiding) == {row.pk: {"larger__if0": 1}}


def test_a_check_says_which_constraints_are_hidden_keys(databases, monkeypatch):
    found = [
        model_of("checked", constraint)
        for constraint in (
            LARGER,
            LOWER,
            UniqueConstraint(fields=["code"], condition=~Q(tag=""), name="server"),
            UniqueConstraint(fields=["code"], name="plain"),
        )
    ]
    monkeypatch.setattr(apps, "get_models", lambda **options: found)
    messages = connection.validation.check_constraints()
    assert [(each.id, each.obj) for each in messages] == [
        ("nonrel_backend.W004", model) for model in found[:2]
    ]
    assert "partial_checked" in messages[0].msg and "larger" in messages[0].msg
