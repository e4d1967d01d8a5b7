"""Changes of a part of a document: their results, and that none is lost."""

import threading

import pytest
from django.core.exceptions import FieldError
from django.db import DatabaseError, connections, transaction
from django.db.models import F, Q
from django.db.models.functions import Upper

THREADS = 16


@pytest.fixture
def fields(databases):
    """Return the module, which cannot be imported before Django is set up."""
    from nonrel_backend import fields

    return fields


@pytest.fixture(params=["default", "oracle"])
def cities(documents, request):
    manager = documents.City.objects.using(request.param)
    manager.create(
        name="Kyoto",
        population=3,
        tags=["a", "b", "a"],
        kinds={"x"},
        sizes={"height": 5, "a.b": 1},
        attributes={"n": 1, "list": [1]},
        address=documents.Address(city="Kyoto", zip=600, phones=["1"]),
        comments=[documents.Comment(author="ann"), documents.Comment(author="bob")],
    )
    manager.create(name="Empty", address=None)
    return manager


@pytest.mark.parametrize(
    ("values", "path", "kyoto", "empty"),
    [
        (lambda f: {"tags": f.Push("c")}, "tags", ["a", "b", "a", "c"], ["c"]),
        (
            lambda f: {"tags": f.Push("c", "a")},
            "tags",
            ["a", "b", "a", "c", "a"],
            ["c", "a"],
        ),
        (lambda f: {"tags": f.Pull("a")}, "tags", ["b"], []),
        (lambda f: {"tags": f.Pull("a", "b", "z")}, "tags", [], []),
        (
            lambda f: {"tags": f.AddToSet("a", "c", "c")},
            "tags",
            ["a", "b", "a", "c"],
            ["a", "c"],
        ),
        (lambda f: {"years": f.Push(1)}, "years", [1], [1]),
        (lambda f: {"years": f.Pull(1)}, "years", None, None),
        (lambda f: {"kinds": f.AddToSet("y", "x")}, "kinds", {"x", "y"}, {"x", "y"}),
        (lambda f: {"kinds": f.Pull("x")}, "kinds", set(), set()),
        (
            lambda f: {"sizes": f.SetKey("a.b", 2)},
            "sizes",
            {"height": 5, "a.b": 2},
            {"a.b": 2},
        ),
        (lambda f: {"sizes": f.SetKey("$inc", 2)}, "sizes__$inc", 2, 2),
        (lambda f: {"sizes": f.SetKey("height", None)}, "sizes__height", None, None),
        (lambda f: {"sizes__height": f.Increment(2)}, "sizes__height", 7, 2),
        (lambda f: {"sizes__height": 1}, "sizes__height", 1, 1),
        (lambda f: {"attributes__n": f.Increment(0.5)}, "attributes__n", 1.5, 0.5),
        (
            lambda f: {"attributes__list": f.Push({"$x": 1})},
            "attributes__list",
            [1, {"$x": 1}],
            [{"$x": 1}],
        ),
        (
            lambda f: {"attributes": f.SetKey("n", {"$ne": 1})},
            "attributes__n",
            {"$ne": 1},
            {"$ne": 1},
        ),
        (lambda f: {"address__city": "Nara"}, "address__city", "Nara", "Nara"),
        (lambda f: {"address__city": None}, "address__city", None, None),
        (lambda f: {"address__zip": f.Increment()}, "address__zip", 601, 1),
        (
            lambda f: {"address__phones": f.Push("2")},
            "address__phones",
            ["1", "2"],
            ["2"],
        ),
        (lambda f: {"address__place__lat": 1.5}, "address__place__lat", 1.5, 1.5),
        (lambda f: {"tags__1": "z"}, "tags", ["a", "z", "a"], [None, "z"]),
        (lambda f: {"address__zip": F("population")}, "address__zip", 3, 0),
        (lambda f: {"address__city": Upper("name")}, "address__city", "KYOTO", "EMPTY"),
        (lambda f: {"address": None}, "address", None, None),
        (
            lambda f: {"address__phones": F("tags")},
            "address__phones",
            ["a", "b", "a"],
            [],
        ),
        (
            lambda f: {"attributes": f.SetKey("n", F("name"))},
            "attributes__n",
            "Kyoto",
            "Empty",
        ),
        (
            lambda f: {"attributes": f.SetKey("n", F("sizes"))},
            "attributes__n",
            {"height": 5, "a.b": 1},
            {},
        ),
    ],
)
def test_a_part_is_changed(fields, cities, values, path, kyoto, empty):
    assert cities.update(**values(fields)) == 2
    found = dict(cities.values_list("name", path))
    assert found == {"Kyoto": kyoto, "Empty": empty}


def test_several_parts_of_one_column_are_changed_at_once(fields, documents, cities):
    count = cities.filter(name="Kyoto").update(
        address__city="Nara",
        address__zip=fields.Increment(5),
        tags=fields.Push("new"),
        population=9,
    )
    assert count == 1
    city = cities.get(name="Kyoto")
    assert city.address == documents.Address(city="Nara", zip=605, phones=["1"])
    assert city.tags[-1] == "new"
    assert city.population == 9
    assert cities.get(name="Empty").tags == []


def test_an_equal_value_of_another_type_is_written(fields, cities):
    for value in (1, True, 1.0, False, 0):
        cities.filter(name="Kyoto").update(attributes=fields.SetKey("n", value))
        assert repr(cities.get(name="Kyoto").attributes["n"]) == repr(value)
        city = cities.get(name="Empty")
        city.attributes = {"n": [value]}
        city.save()
        assert repr(cities.get(name="Empty").attributes["n"]) == repr([value])


def test_only_the_path_is_written(documents, cities):
    stale = cities.get(name="Kyoto")
    cities.filter(pk=stale.pk).update(address__zip=1)
    cities.filter(pk=stale.pk).update(address__city="Nara")
    assert cities.get(pk=stale.pk).address == documents.Address(
        city="Nara", zip=1, phones=["1"]
    )


def test_rows_that_the_local_engine_finds_are_changed(fields, cities):
    query = Q(name__in=["Kyoto"]) & Q(tags__len__gt=F("population") - 1)
    assert cities.filter(query).update(tags=fields.Push("c")) == 1
    assert cities.get(name="Kyoto").tags == ["a", "b", "a", "c"]


def test_embedded_models_are_pushed_and_pulled(fields, documents, cities):
    Comment = documents.Comment
    cities.filter(name="Kyoto").update(
        comments=fields.Push(Comment(author="c", stars=1))
    )
    cities.filter(name="Kyoto").update(comments=fields.Pull(Comment(author="ann")))
    found = cities.get(name="Kyoto").comments
    assert found == [Comment(author="bob"), Comment(author="c", stars=1)]


def test_a_change_may_be_saved_with_an_instance(fields, cities):
    city = cities.get(name="Kyoto")
    city.tags = fields.Push("c")
    city.save(update_fields=["tags"])
    assert cities.get(name="Kyoto").tags == ["a", "b", "a", "c"]


def test_indexes_follow_a_change(fields, cities):
    cities.filter(name="Kyoto").update(tags=fields.Push("c"), comments__0__author="zoe")
    assert cities.filter(tags__contains="c").count() == 1
    assert cities.filter(comments__author="zoe").count() == 1
    assert cities.filter(comments__author="ann").count() == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda f: {"name": f.Push("x")}, "is not a document field"),
        (lambda f: {"sizes": f.Push(1)}, "does not support push"),
        (lambda f: {"tags": f.Push(F("name"))}, "takes values"),
        (lambda f: {"address__nothing": 1}, "leads to nothing"),
        (lambda f: {"comments__author": "x"}, "leads to many values"),
        (lambda f: {"address__since": f.Increment(1)}, "cannot be incremented"),
    ],
)
def test_unsupported_changes_are_errors(fields, cities, values, message):
    with pytest.raises(FieldError, match=message):
        cities.update(**values(fields))


def test_a_change_of_a_value_of_another_type_is_an_error(fields, cities):
    with pytest.raises(DatabaseError):
        cities.filter(name="Kyoto").update(attributes__list=fields.Increment(1))
    with pytest.raises(DatabaseError):
        cities.filter(name="Kyoto").update(attributes__n=fields.Push(1))
    assert cities.get(name="Kyoto").attributes == {"n": 1, "list": [1]}


def test_the_stores_indexes_agree_with_its_rows(fields, documents, databases):
    store = databases["lmdb"]
    manager = documents.City.objects.using("lmdb")
    manager.create(name="a", tags=["x", "x", "y"], kinds={"z"})
    manager.create(name="b", comments=[documents.Comment(author="x")])
    manager.update(tags=fields.AddToSet("x", "w"), kinds=fields.Pull("z"))
    manager.filter(name="a").update(address__city="Nara", tags=fields.Pull("x"))
    assert store.check_store(False) == []
    manager.filter(tags__contains="w", name="b").delete()
    assert store.check_store(False) == []


def test_a_rollback_undoes_a_change(fields, cities):
    if not connections[cities.db].features.supports_transactions:
        pytest.skip("There are no transactions.")
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=cities.db):
        cities.update(tags=fields.Push("c"))
        with pytest.raises(RuntimeError), transaction.atomic(using=cities.db):
            cities.update(tags=fields.Push("d"), sizes__height=fields.Increment(1))
            raise RuntimeError
        assert cities.get(name="Kyoto").tags == ["a", "b", "a", "c"]
        assert cities.get(name="Kyoto").sizes == {"height": 5, "a.b": 1}
        raise ZeroDivisionError
    assert cities.get(name="Kyoto").tags == ["a", "b", "a"]


def test_changes_by_many_threads_are_not_lost(fields, documents):
    manager = documents.City.objects
    city = manager.create(name="Busy")
    errors = []

    def work(number):
        try:
            for turn in range(20):
                item = f"{number} {turn}"
                assert manager.filter(pk=city.pk).update(tags=fields.Push(item)) == 1
                manager.filter(name="Busy").update(
                    kinds=fields.AddToSet(item), sizes__n=fields.Increment(1)
                )
        except Exception as error:
            errors.append(error)
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    wanted = {f"{number} {turn}" for number in range(THREADS) for turn in range(20)}
    found = manager.get()
    assert set(found.tags) == wanted and len(found.tags) == len(wanted)
    assert found.kinds == wanted
    assert found.sizes == {"n": len(wanted)}


def test_a_null_counts_as_zero_or_empty(cities, fields):
    cities.update(sizes={"height": None})
    assert cities.update(sizes__height=fields.Increment(2)) == 2
    assert set(cities.values_list("sizes__height", flat=True)) == {2}


@pytest.mark.parametrize(
    ("old", "by"), [("text", 1), (2**63 - 1, 1), (-(2**63), -1), (True, 1), ([1], 1)]
)
def test_increments_of_other_values_are_refused(cities, fields, old, by):
    cities.filter(name="Kyoto").update(attributes={"n": old})
    with pytest.raises(DatabaseError):
        cities.filter(name="Kyoto").update(attributes__n=fields.Increment(by))
    assert cities.get(name="Kyoto").attributes == {"n": old}


def test_a_change_of_no_rows_returns_zero(cities, fields):
    nothing = cities.filter(sizes={"width": 9})
    assert nothing.update(kinds=fields.AddToSet("y")) == 0
