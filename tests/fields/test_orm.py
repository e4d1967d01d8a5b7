"""The rest of the ORM on models with document fields."""

import pytest
from django.apps.registry import Apps
from django.db import connection, models
from django.db.models import Case, Exists, F, OuterRef, Value, When
from django.db.models.functions import Length, Lower

ALIASES = ["default", "oracle"]


@pytest.fixture(params=ALIASES)
def cities(documents, request):
    manager = documents.City.objects.using(request.param)
    for number in range(3):
        manager.create(
            name=f"city {number}",
            tags=["x", str(number)],
            sizes={"n": number},
            address=documents.Address(city=f"C{number}", zip=number),
        )
    return manager


def test_bulk_create_and_bulk_update(documents, cities):
    found = list(cities.order_by("name"))
    for number, city in enumerate(found):
        city.tags.append("new")
        city.address = None if number else documents.Address(city="Z")
        city.sizes = {"$n": number}
    assert cities.bulk_update(found, ["tags", "address", "sizes"]) == 3
    again = list(cities.order_by("name"))
    assert [each.tags[-1] for each in again] == ["new"] * 3
    assert again[0].address == documents.Address(city="Z")
    assert again[1].address is None
    assert again[2].sizes == {"$n": 2}


def test_upserts(documents, cities):
    city = cities.get(name="city 0")
    city.tags = ["upserted"]
    cities.bulk_create(
        [city], update_conflicts=True, unique_fields=["pk"], update_fields=["tags"]
    )
    assert cities.get(pk=city.pk).tags == ["upserted"]
    found, created = cities.update_or_create(
        name="city 1", defaults={"tags": ["again"], "address": None}
    )
    assert not created
    assert cities.get(name="city 1").tags == ["again"]
    found, created = cities.get_or_create(address__city="C2", defaults={"name": "?"})
    assert (found.name, created) == ("city 2", False)


def test_documents_in_case_expressions(documents, cities):
    field = documents.City._meta.get_field("tags")
    cities.update(
        tags=Case(
            When(address__zip=0, then=Value(["zero"], output_field=field)),
            default=F("tags"),
        )
    )
    assert [each.tags for each in cities.order_by("name")] == [
        ["zero"],
        ["x", "1"],
        ["x", "2"],
    ]


def test_update_copies_a_column(cities):
    assert cities.update(kinds=F("tags")) == 3
    assert cities.get(name="city 1").kinds == {"x", "1"}


def test_set_operations_and_distinct_documents(cities):
    cities.create(name="twin", tags=["x", "1"])
    rows = cities.order_by("tags").values_list("tags", flat=True).distinct()
    assert sorted(rows) == [["x", "0"], ["x", "1"], ["x", "2"]]
    first, second = cities.filter(tags__0="x"), cities.filter(address__zip=1)
    assert first.intersection(second).count() == 1
    assert first.union(second).count() == 4
    assert list(first.difference(second).order_by("name").values_list("name")) == [
        ("city 0",),
        ("city 2",),
        ("twin",),
    ]


def test_joins_and_subqueries(documents, cities):
    country = documents.Country.objects.using(cities.db).create(name="Japan")
    city = cities.get(name="city 1")
    city.address.country = country
    city.save()
    Country = documents.Country.objects.using(cities.db)
    inside = cities.filter(address__country=OuterRef("pk"))
    assert list(Country.filter(Exists(inside))) == [country]
    keys = cities.filter(address__zip=1).values("address__country")
    assert list(Country.filter(pk__in=keys)) == [country]


def test_functions_of_paths(cities):
    found = cities.annotate(low=Lower("address__city"), n=Length("address__city"))
    assert list(found.order_by("low").values_list("low", "n"))[0] == ("c0", 2)


def test_slices_and_iteration(cities):
    ordered = cities.order_by("-address__zip")
    assert [each.name for each in ordered[:2]] == ["city 2", "city 1"]
    assert [each.name for each in ordered[1:]] == ["city 1", "city 0"]
    assert ordered.first().name == "city 2"
    assert ordered.last().name == "city 0"
    assert len(list(ordered.iterator(chunk_size=1))) == 3
    assert cities.filter(tags__contains="x")[1:2].count() == 1
    assert cities.filter(tags__contains="x").exists()


def test_deletes_by_paths(cities):
    count, _ = cities.filter(address__zip__gte=1, tags__contains="2").delete()
    assert count == 1
    count, _ = cities.filter(tags__len=2).delete()
    assert count == 2


def test_a_nullable_path_is_ordered_as_a_column(documents, cities):
    cities.create(name="null")
    names = cities.order_by("address__zip", "name").values_list("name", flat=True)
    assert list(names) == ["null", "city 0", "city 1", "city 2"]
    names = cities.order_by(F("address__zip").desc(nulls_last=True))
    assert [each.name for each in names][-1] == "null"


def test_raw_and_text_queries(documents, cities):
    rows = documents.City.objects.using(cities.db).raw(
        "SELECT id, name, tags FROM documents_city ORDER BY name"
    )
    assert rows[1].tags == ["x", "1"]


def test_constraints_on_paths(databases):
    from nonrel_backend.fields import DictField

    class Checked(models.Model):
        sizes = DictField(models.IntegerField())

        class Meta:
            app_label = "documents"
            apps = Apps()
            constraints = [
                models.CheckConstraint(
                    condition=models.Q(sizes__n__gte=0), name="checked_n"
                )
            ]

    from django.db import IntegrityError

    from nonrel_backend.fields import Increment

    with connection.schema_editor() as editor:
        editor.create_model(Checked)
    try:
        Checked.objects.create(sizes={"n": 1})
        with pytest.raises(IntegrityError):
            Checked.objects.create(sizes={"n": -1})
        with pytest.raises(IntegrityError):
            Checked.objects.update(sizes__n=Increment(-5))
        assert Checked.objects.update(sizes__n=Increment(5)) == 1
        assert Checked.objects.get().sizes == {"n": 6}
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Checked)
