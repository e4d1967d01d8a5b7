"""Models with documents on PostgreSQL, where they are JSON text.

Runs where POSTGRES_URI names a server, as postgresql://user@127.0.0.1:5432/postgres.
"""

import os
from io import StringIO
from urllib.parse import unquote, urlsplit

import pytest
from django.core.management import call_command
from django.db import NotSupportedError, connections, migrations, models
from django.db.models import Count, F

from .test_migrations import Table, address
from .test_values import assert_equal, full_city

URI = os.environ.get("POSTGRES_URI", "")
pytestmark = pytest.mark.skipif(not URI, reason="POSTGRES_URI names no PostgreSQL.")


@pytest.fixture(scope="module")
def alias(databases):
    from nonrel_backend.testing.conformance import databases as testing
    from tests.documents.models import City, Country, Sample

    parts = urlsplit(URI)
    entry = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.hostname,
        "PORT": parts.port,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "NAME": "nonrel_documents",
    }
    with testing.databases(entry):
        with connections[testing.OURS].schema_editor() as editor:
            for model in (Country, City, Sample):
                editor.create_model(model)
        yield testing.OURS
        connections[testing.OURS].close()


@pytest.fixture
def cities(documents, alias):
    rows = documents.City.objects.using(alias)
    rows.all().delete()
    documents.Sample.objects.using(alias).all().delete()
    return rows


def test_extreme_values_are_read_back_unchanged(cities):
    from nonrel_backend.testing.documents.samples import samples

    for text, found, wanted in samples(cities.db):
        assert found == wanted, text


def test_instances_are_written_and_read(documents, cities):
    city = full_city(documents)
    city.save(using=cities.db)
    assert_equal(cities.get(), city)
    city.tags.append("new")
    city.address.phones = ["1"]
    city.save()
    assert_equal(cities.get(), city)
    city.kinds = {"changed"}
    assert cities.bulk_update([city], ["kinds"]) == 1
    assert cities.get().kinds == {"changed"}
    assert cities.update(years=[5], address=documents.Address(city="x")) == 1
    assert cities.get().years == [5]
    assert cities.update(kinds=F("tags")) == 1
    assert cities.get().kinds == {"a", "b", "new"}


def test_whole_values_are_looked_up(documents, cities):
    first = full_city(documents)
    first.save(using=cities.db)
    second = documents.City(name="second", tags=["b", "a"], kinds={"y"}, years=None)
    second.save(using=cities.db)
    for lookup, found in (
        ({"tags": ["a", "b"]}, [first]),
        ({"tags__in": [["b", "a"], []]}, [second]),
        ({"kinds": {"y", "x"}}, [first]),
        ({"sizes": {"$c": None, "a.b": 1}}, [first]),
        ({"address": first.address}, [first]),
        ({"address__isnull": True}, [second]),
        ({"years__isnull": False}, [first]),
        ({"kinds": F("tags")}, []),
    ):
        others = [each for each in (first, second) if each not in found]
        assert list(cities.filter(**lookup)) == found
        assert list(cities.exclude(**lookup).order_by("pk")) == others
    assert list(cities.order_by("tags").values_list("tags", flat=True)) == [
        ["a", "b"],
        ["b", "a"],
    ]
    assert cities.values("tags").distinct().count() == 2
    assert cities.values("kinds").annotate(n=Count("pk")).count() == 2


@pytest.mark.parametrize(
    "query",
    [
        lambda rows: rows.filter(tags__contains="a"),
        lambda rows: rows.filter(tags__len=1),
        lambda rows: rows.filter(tags__0="a"),
        lambda rows: rows.filter(address__city="a"),
        lambda rows: rows.filter(comments__author__isnull=True),
        lambda rows: rows.order_by("address__city"),
        lambda rows: rows.values("sizes__a"),
        lambda rows: rows.values("address__city").annotate(n=Count("pk")),
    ],
)
def test_queries_that_look_into_documents_are_refused(cities, query):
    with pytest.raises(NotSupportedError, match="PostgreSQL holds documents as text"):
        list(query(cities))


def test_changes_of_a_part_are_refused(cities):
    from nonrel_backend.fields import Push

    for values in ({"tags": Push("x")}, {"address__city": "x"}):
        with pytest.raises(NotSupportedError, match="as text"):
            cities.update(**values)


@pytest.mark.parametrize("way", ["there", "back"])
def test_fixtures_move_rows_both_ways(documents, cities, tmp_path, way):
    source, target = "default", cities.db
    if way == "back":
        source, target = target, source
    city = full_city(documents)
    city.save(using=source)
    path = tmp_path / "cities.json"
    call_command("dumpdata", "documents", database=source, output=str(path))
    call_command("loaddata", str(path), database=target, stdout=StringIO())
    assert_equal(documents.City.objects.using(target).get(), city)


@pytest.fixture
def houses(alias):
    made = []

    def make(**columns):
        made.append(Table(alias, **columns))
        return made[-1]

    yield make
    for table in made:
        table.apply(lambda editor, table=table: editor.delete_model(table.model))


def test_migrations_convert_the_rows(houses):
    from nonrel_backend import fields

    table = houses(at=address(fields), numbers=fields.ListField(models.IntegerField()))
    table.rows.create(at={"street": "a"}, numbers=[1, None])
    table.rows.create(at=None, numbers=[])
    table.alter("at", address(fields, country=models.CharField(default="JP")))
    table.alter("numbers", fields.ListField(models.CharField(max_length=5)))
    table.migrate(migrations.AddField("House", "sizes", fields.DictField()))
    table.migrate(migrations.RenameField("House", "at", "place"))
    table.migrate(
        migrations.AddIndex("House", fields.PathIndex("place__street", name="street"))
    )
    first, second = table.rows.order_by("pk")
    assert (first.place.country, first.numbers, first.sizes) == ("JP", ["1", None], {})
    assert (second.place, second.numbers) == (None, [])


def test_a_constraint_on_a_path_is_refused(houses):
    from nonrel_backend import fields

    table = houses(at=address(fields))
    street = models.UniqueConstraint(models.F("at__street"), name="unique_street")
    with pytest.raises(NotSupportedError, match="PostgreSQL holds documents as text"):
        table.migrate(migrations.AddConstraint("House", street))
