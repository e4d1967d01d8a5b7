"""Collections that are clustered, sparse, views or time series."""

from datetime import datetime

import pytest
from django.apps.registry import Apps
from django.db import (
    IntegrityError,
    NotSupportedError,
    connection,
    models,
    transaction,
)
from django.db.models import Max

MOMENT = datetime(2024, 5, 17)


def model_of(table, **fields):
    meta = type("Meta", (), {"apps": Apps(), "app_label": "tests", "db_table": table})
    return type(
        "Special", (models.Model,), {"__module__": __name__, "Meta": meta, **fields}
    )


@pytest.fixture
def database(databases):
    """Return the database; collections whose names begin with "special" are dropped."""
    found = connection.database
    yield found
    for name in found.list_collection_names(filter={"type": {"$ne": "system"}}):
        if name.startswith("special"):
            found[name].drop()
    connection.known_unique_indexes.clear()


@pytest.mark.parametrize("index", [{}, {"name": "by key"}], ids=["", "named"])
def test_a_clustered_collection_is_counted_and_written(database, index):
    clustering = {"key": {"_id": 1}, "unique": True, **index}
    database.create_collection("special_clustered", clusteredIndex=clustering)
    model = model_of("special_clustered", n=models.IntegerField())
    model.objects.create(pk=1, n=1)
    model.objects.create(pk=2, n=2)
    assert model.objects.count() == 2
    with pytest.raises(IntegrityError):
        model.objects.create(pk=1, n=3)
    assert list(
        connection.introspection.get_constraints(None, "special_clustered")
    ) == ["_id_"]


def test_a_view_is_read_and_refuses_writes(database):
    database["special_base"].insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2}])
    database.create_collection(
        "special_view", viewOn="special_base", pipeline=[{"$match": {"n": 2}}]
    )
    model = model_of("special_view", n=models.IntegerField())
    assert model.objects.count() == 1
    row = model.objects.get(n=2)
    assert model.objects.aggregate(Max("n")) == {"n__max": 2}
    for write in (row.save, row.delete, model(pk=3, n=3).save):
        with pytest.raises(NotSupportedError, match="collection that it is of"):
            write()


def test_a_view_without_documents_is_counted(database):
    database["special_base"].insert_one({"_id": 1, "n": 1})
    database.create_collection(
        "special_view", viewOn="special_base", pipeline=[{"$match": {"n": 2}}]
    )
    model = model_of("special_view", n=models.IntegerField())
    assert model.objects.count() == 0
    assert list(model.objects.all()) == []


def test_a_view_without_keys_is_counted(database):
    database["special_base"].insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2}])
    database.create_collection(
        "special_view", viewOn="special_base", pipeline=[{"$project": {"_id": 0}}]
    )
    model = model_of("special_view", n=models.IntegerField())
    assert model.objects.count() == 2
    assert [row.n for row in model.objects.order_by("n")] == [1, 2]


def test_a_time_series_is_read_and_inserted_into(database):
    database.create_collection("special_series", timeseries={"timeField": "at"})
    model = model_of(
        "special_series", at=models.DateTimeField(), n=models.IntegerField()
    )
    database["special_series"].insert_one({"_id": 1, "at": MOMENT, "n": 1})
    assert model.objects.count() == 1
    with transaction.atomic():
        assert model.objects.get(n=1).pk == 1
    row = model.objects.get(n=1)
    with pytest.raises(NotSupportedError, match="time-series"):
        row.delete()


def test_rows_without_the_key_of_a_sparse_unique_index_are_distinct(database):
    rows = database["special_sparse"]
    rows.create_index("mail", unique=True, sparse=True)
    model = model_of("special_sparse", mail=models.TextField(null=True))
    with transaction.atomic():
        model.objects.create(pk=1)
        model.objects.create(pk=2)
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.bulk_create([model(pk=n, mail="a") for n in (3, 4)])
    assert model.objects.count() == 2


@pytest.fixture
def secondary_preferred(databases, monkeypatch):
    monkeypatch.setitem(
        connection.settings_dict["OPTIONS"], "readPreference", "secondaryPreferred"
    )
    connection.close()
    yield
    monkeypatch.undo()
    connection.close()


def test_transactions_read_from_the_primary(secondary_preferred, library):
    with transaction.atomic():
        library.Genre.objects.create(name="one")
        assert library.Genre.objects.count() == 1
        with transaction.atomic():
            library.Genre.objects.update(name="two")
        assert [genre.name for genre in library.Genre.objects.all()] == ["two"]
    # A transaction of the backend's own.
    library.Genre.objects.bulk_create([library.Genre(name=name) for name in "ab"])
    assert library.Genre.objects.count() == 3
