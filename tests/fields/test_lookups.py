"""Lookups on documents: their results, and the indexes that serve them."""

from datetime import date

import pytest
from django.core.exceptions import FieldError
from django.db import NotSupportedError, connections
from django.db.models import Count, F, Max, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Upper

ALIASES = ["default", "oracle"]


@pytest.fixture(params=ALIASES)
def cities(documents, request):
    """Return the manager of three cities: with all values, with half, with none."""
    manager = documents.City.objects.using(request.param)
    manager.create(
        name="Kyoto",
        population=3,
        tags=["old", "temple"],
        kinds={"a", "b"},
        years=[794, 1868],
        sizes={"height": 50, "width": 20},
        attributes={"colour": "red", "list": ["x", 1], "deep": {"er": 1}},
        address=documents.Address(
            city="Kyoto",
            zip=600,
            since=date(2020, 5, 6),
            place=documents.Place(lat=35.0),
            phones=["1", "2"],
        ),
        comments=[
            documents.Comment(author="ann", stars=5, labels=["l"]),
            documents.Comment(author="bob", stars=1),
        ],
    )
    manager.create(
        name="Osaka",
        population=2,
        tags=["new"],
        sizes={"height": 10},
        attributes={"colour": 5, "$ne": "x"},
        address=documents.Address(city="Osaka", zip=530),
        comments=[documents.Comment(author="bob", stars=2)],
    )
    manager.create(name="Empty", population=1)
    return manager


def names(queryset) -> list[str]:
    return sorted(queryset.values_list("name", flat=True))


@pytest.mark.parametrize(
    ("lookup", "value", "found"),
    [
        ("tags__contains", "old", ["Kyoto"]),
        ("tags__icontains", "EMP", ["Kyoto"]),
        ("tags__icontains", "", ["Kyoto", "Osaka"]),
        ("tags__icontains", "%", []),
        ("tags__iexact", "NEW", ["Osaka"]),
        ("tags__istartswith", "NE", ["Osaka"]),
        ("kinds__icontains", "B", ["Kyoto"]),
        ("years__icontains", "86", ["Kyoto"]),
        ("address__phones__icontains", "2", ["Kyoto"]),
        ("comments__labels__icontains", "L", ["Kyoto"]),
        ("attributes__list__icontains", "X", []),
        ("tags__contains", ["old", "temple"], ["Kyoto"]),
        ("tags__contains", ["old", "new"], []),
        ("tags__contained_by", ["new", "old"], ["Empty", "Osaka"]),
        ("tags__overlap", ["new", "temple", "?"], ["Kyoto", "Osaka"]),
        ("tags__len", 1, ["Osaka"]),
        ("tags__len__gte", 1, ["Kyoto", "Osaka"]),
        ("tags__len__in", [0, 2], ["Empty", "Kyoto"]),
        ("tags__0", "new", ["Osaka"]),
        ("tags__1__startswith", "t", ["Kyoto"]),
        ("tags__1__isnull", True, ["Empty", "Osaka"]),
        ("tags", ["old", "temple"], ["Kyoto"]),
        ("tags", ["temple", "old"], []),
        ("tags__in", [["new"], []], ["Empty", "Osaka"]),
        ("kinds", {"b", "a"}, ["Kyoto"]),
        ("kinds__contains", "a", ["Kyoto"]),
        ("years__isnull", True, ["Empty", "Osaka"]),
        ("years__1__gt", 1000, ["Kyoto"]),
        ("sizes__height", 50, ["Kyoto"]),
        ("sizes__height__lt", 50, ["Osaka"]),
        ("sizes__contains", {"height": 50}, ["Kyoto"]),
        ("sizes__width__isnull", False, ["Kyoto"]),
        ("sizes__len", 1, ["Osaka"]),
        ("attributes__colour", "red", ["Kyoto"]),
        ("attributes__colour", 5, ["Osaka"]),
        ("attributes__colour__gt", 4, ["Osaka"]),
        ("attributes__colour__in", ["red", 5], ["Kyoto", "Osaka"]),
        ("attributes__deep__er", 1, ["Kyoto"]),
        ("attributes__list__1", 1, ["Kyoto"]),
        ("attributes__list__contains", "x", ["Kyoto"]),
        ("attributes__list", ["x", 1], ["Kyoto"]),
        ("attributes__$ne", "x", ["Osaka"]),
        ("address__city", "Kyoto", ["Kyoto"]),
        ("address__city__startswith", "O", ["Osaka"]),
        ("address__city__in", ["Osaka", "Nara"], ["Osaka"]),
        ("address__city__isnull", True, ["Empty"]),
        ("address__isnull", True, ["Empty"]),
        ("address__zip__range", (500, 550), ["Osaka"]),
        ("address__since__year", 2020, ["Kyoto"]),
        ("address__since__month", 5, ["Kyoto"]),
        ("address__since__year__lt", 2021, ["Kyoto"]),
        ("address__place__lat__gt", 30, ["Kyoto"]),
        ("address__phones__contains", "2", ["Kyoto"]),
        ("address__phones__len", 2, ["Kyoto"]),
        ("comments__author", "bob", ["Kyoto", "Osaka"]),
        ("comments__author__in", ["ann"], ["Kyoto"]),
        ("comments__0__author", "bob", ["Osaka"]),
        ("comments__stars__gte", 3, ["Kyoto"]),
        ("comments__labels__contains", "l", ["Kyoto"]),
        ("comments__author__isnull", True, ["Empty"]),
        ("comments__len", 2, ["Kyoto"]),
    ],
)
def test_exclude_finds_what_filter_does_not(cities, lookup, value, found):
    others = sorted({"Kyoto", "Osaka", "Empty"} - set(found))
    assert names(cities.filter(**{lookup: value})) == found
    assert names(cities.exclude(**{lookup: value})) == others
    assert names(cities.filter(~Q(**{lookup: value}))) == others
    assert cities.filter(**{lookup: value}).count() == len(found)
    assert names(cities.exclude(~Q(**{lookup: value}))) == found


def test_two_lookups_on_a_list_may_match_two_items(cities):
    found = cities.filter(comments__author="ann", comments__stars=1)
    assert names(found) == ["Kyoto"]


def test_embedded_models_are_found_by_an_equal_one(documents, cities):
    comment = documents.Comment(author="bob", stars=2)
    assert names(cities.filter(comments__contains=comment)) == ["Osaka"]
    place = documents.Place(lat=35.0)
    assert names(cities.filter(address__place=place)) == ["Kyoto"]


def test_rows_are_ordered_by_paths(cities):
    ordered = cities.order_by("address__zip").values_list("name", flat=True)
    assert list(ordered) == ["Empty", "Osaka", "Kyoto"]
    ordered = cities.order_by("-address__city", "name").values_list("name", flat=True)
    assert list(ordered) == ["Osaka", "Kyoto", "Empty"]
    ordered = cities.order_by("sizes__height").values_list("name", flat=True)
    assert list(ordered)[1:] == ["Osaka", "Kyoto"]


@pytest.mark.parametrize(
    "ordered",
    [
        lambda rows: rows.order_by("comments__author"),
        lambda rows: rows.order_by("-comments__author"),
        lambda rows: rows.order_by(F("comments__labels").desc(nulls_last=True)),
        lambda rows: rows.annotate(by=F("comments__author")).order_by("by"),
        lambda rows: rows.values("name").order_by("comments__author").distinct(),
        lambda rows: rows.annotate(n=Count("comments__author")),
        lambda rows: rows.values("name").annotate(most=Max("comments__stars")),
        lambda rows: rows.annotate(up=Upper("comments__author")),
    ],
)
def test_orders_and_functions_of_many_values_are_refused(cities, ordered):
    with pytest.raises(NotSupportedError, match="comments__.* leads to many values"):
        list(ordered(cities))


def test_one_of_many_values_has_an_order(cities):
    ordered = cities.order_by("comments__0__author", "name")
    assert [each.name for each in ordered] == ["Empty", "Kyoto", "Osaka"]
    ordered = cities.order_by("-comments__len")
    assert [each.name for each in ordered] == ["Kyoto", "Osaka", "Empty"]
    ordered = cities.order_by("comments__len").filter(comments__author="bob")[:1]
    assert [each.name for each in ordered] == ["Osaka"]


def test_paths_are_selected(cities):
    found = cities.order_by("name").values_list(
        "tags__0", "address__since", "comments__author", "attributes__colour", "address"
    )
    assert [row[:4] for row in found] == [
        (None, None, [], None),
        ("old", date(2020, 5, 6), ["ann", "bob"], "red"),
        ("new", None, ["bob"], 5),
    ]
    assert found[1][4].city == "Kyoto"
    assert list(cities.filter(name="Osaka").values("address__zip", "tags")) == [
        {"address__zip": 530, "tags": ["new"]}
    ]


def test_paths_are_distinct_and_grouped_by(cities):
    cities.create(name="Osaka 2", tags=["new"])
    values = cities.order_by("tags__0").values_list("tags__0", flat=True)
    assert list(values.distinct()) == [None, "new", "old"]
    counts = cities.values("tags__0").annotate(n=Count("pk")).order_by("tags__0")
    assert [(row["tags__0"], row["n"]) for row in counts] == [
        (None, 1),
        ("new", 2),
        ("old", 1),
    ]
    assert cities.aggregate(most=Max("address__zip"), sum=Sum("sizes__height")) == {
        "most": 600,
        "sum": 60,
    }
    assert cities.aggregate(n=Count("address__city"))["n"] == 2


def test_paths_are_compared_with_expressions(documents, cities):
    assert names(cities.filter(name=F("address__city"))) == ["Kyoto", "Osaka"]
    assert names(cities.filter(address__city=F("name"))) == ["Kyoto", "Osaka"]
    assert names(cities.filter(address__zip__gt=F("population") + 550)) == ["Kyoto"]
    found = cities.annotate(up=Upper("address__city"), zip=F("address__zip") + 1)
    assert found.get(name="Kyoto").up == "KYOTO"
    assert found.get(name="Kyoto").zip == 601
    found = cities.annotate(city=Coalesce("address__city", "name")).order_by("city")
    assert [each.city for each in found] == ["Empty", "Kyoto", "Osaka"]


def test_subqueries_filter_by_paths(cities):
    inner = cities.filter(address__city=OuterRef("name")).values("address__zip")[:1]
    found = cities.annotate(zip=Subquery(inner)).order_by("name")
    assert [each.zip for each in found] == [None, 600, 530]


def test_documents_are_deferred(cities, django_queries=None):
    city = cities.only("tags").get(name="Osaka")
    assert city.tags == ["new"]
    assert city.address.zip == 530


def test_a_relation_in_an_embedded_model_is_not_followed(documents, cities):
    with pytest.raises(FieldError, match="queries cannot follow it"):
        cities.filter(address__country__name="x")
    with pytest.raises(FieldError):
        cities.select_related("address__country").get(name="Osaka")
    with pytest.raises(FieldError):
        documents.Country.objects.filter(address__city="x")


@pytest.mark.parametrize(
    "lookup", ["tags__startswith", "tags__city", "address__nothing", "address__gt"]
)
def test_unknown_paths_are_errors(cities, lookup):
    with pytest.raises(FieldError):
        cities.filter(**{lookup: "x"})


def test_a_relation_is_filtered_by_its_key(documents, cities):
    country = documents.Country.objects.using(cities.db).create(name="Japan")
    city = cities.get(name="Osaka")
    city.address.country = country
    city.save()
    assert names(cities.filter(address__country=country)) == ["Osaka"]
    assert names(cities.filter(address__country_id=country.pk)) == ["Osaka"]
    assert names(cities.filter(address__country__in=[country])) == ["Osaka"]


def test_a_value_that_looks_like_an_operator_is_data(documents, cities):
    evil = {"$ne": 1, "$where": "sleep(1)", "a.b": {"$gt": ""}}
    cities.create(name="Evil", attributes=evil, sizes={"$inc": 1}, tags=["$tags"])
    assert cities.get(name="Evil").attributes == evil
    assert names(cities.filter(attributes=evil)) == ["Evil"]
    assert names(cities.filter(attributes__colour={"$ne": 1})) == []
    assert names(cities.filter(attributes__contains={"$ne": 1})) == ["Evil"]
    assert names(cities.filter(tags__contains="$tags")) == ["Evil"]
    assert names(cities.filter(**{"sizes__$inc": 1})) == ["Evil"]
    assert names(cities.filter(**{"attributes__' OR 1=1 --": 1})) == []


# --- which index serves them ---


INDEXED = [
    ("city_tags", {"tags__contains": "old"}),
    ("city_tags", {"tags__overlap": ["old", "new"]}),
    ("city_kinds", {"kinds__contains": "a"}),
    ("city_address_city", {"address__city": "Kyoto"}),
    ("city_address_city", {"address__city__startswith": "Ky"}),
    ("city_address_city", {"address__city__in": ["Kyoto", "Osaka"]}),
    ("city_comment_author", {"comments__author": "bob"}),
    ("city_height", {"sizes__height__gt": 20}),
]


@pytest.mark.parametrize("cities", ["default"], indirect=True)
@pytest.mark.parametrize(("index", "lookup"), INDEXED)
@pytest.mark.native_documents("text has no index on a path")
def test_indexes_on_paths_serve_lookups(cities, index, lookup):
    explained = cities.filter(**lookup).explain()
    if connections[cities.db].vendor == "riak":  # whose indexes have other names
        index = ""
    assert f"index {index}" in explained
    assert "locally" not in explained


@pytest.mark.parametrize("cities", ["default"], indirect=True)
@pytest.mark.parametrize(
    "lookup",
    [
        {"tags__icontains": "OL"},
        {"kinds__istartswith": "A"},
        {"tags__len": 2},
        {"tags__0": "old"},
        {"tags__contained_by": ["old"]},
        {"attributes__colour": "red"},
        {"address__zip__gt": 5},
        {"address__place__lat__lt": 5},
        {"comments__stars__gte": 3},
        {"comments__replies__author": "x"},
        {"address__isnull": True},
    ],
)
@pytest.mark.native_documents("text is compared on paths locally")
def test_the_store_filters_by_paths(cities, lookup):
    for queryset in (cities.filter(**lookup), cities.exclude(**lookup)):
        assert "locally" not in queryset.explain()


@pytest.mark.parametrize("cities", ["default"], indirect=True)
def test_a_row_with_many_entries_is_found_once(documents, cities):
    cities.create(name="Twice", tags=["x", "y", "x"])
    assert cities.filter(tags__overlap=["x", "y"]).count() == 1
    assert names(cities.filter(tags__overlap=["x", "y"])) == ["Twice"]
    assert names(cities.filter(tags__overlap=["x", "y"]).order_by("name")[:5]) == [
        "Twice"
    ]


@pytest.mark.parametrize("cities", ["default"], indirect=True)
def test_indexes_follow_what_changes(documents, cities):
    city = cities.get(name="Kyoto")
    city.tags = ["temple", "gone"]
    city.comments = []
    city.save()
    assert names(cities.filter(tags__contains="old")) == []
    assert names(cities.filter(tags__contains="gone")) == ["Kyoto"]
    assert names(cities.filter(comments__author="ann")) == []
    assert names(cities.filter(comments__author__isnull=True)) == ["Empty", "Kyoto"]
    city.delete()
    assert names(cities.filter(tags__contains="temple")) == []


def test_other_databases_refuse_paths(documents, cities):
    from unittest import mock

    query = cities.filter(address__city="x").query
    compiler = query.get_compiler("oracle")
    with mock.patch.object(compiler.connection, "vendor", "postgresql"):
        with pytest.raises(NotSupportedError, match="cannot look"):
            compiler.as_sql()


@pytest.mark.parametrize("cities", ["default"], indirect=True)
@pytest.mark.native_documents("text is ordered by paths locally")
def test_the_store_orders_by_paths(cities):
    for order in ("address__zip", "-address__place__lat", "sizes__height"):
        assert "locally" not in cities.order_by(order, "name").explain()
    first = cities.filter(address__city__gt="").order_by("address__city")[:1]
    if connections[cities.db].vendor != "riak":  # it orders the rows itself
        assert "index city_address_city" in first.explain()
    assert names(first) == ["Kyoto"]
    assert [each.name for each in cities.order_by("-address__city")] == [
        "Osaka",
        "Kyoto",
        "Empty",
    ]
