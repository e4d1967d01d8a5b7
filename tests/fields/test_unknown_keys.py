"""Keys of documents that no embedded model knows: they are kept."""

import copy
import pickle
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db.models import Case, F, Value, Window
from django.db.models.functions import RowNumber

ALIASES = ["default", "oracle"]
ADDRESS = {
    "zip": 5,
    "geo": {"z": [1.5, None, {"$a.b": True}], "a": "x"},
    "city": "Kyoto",
    "place": {"alt": 7, "lat": 1.5},
    "phones": ["1"],
    "street": "",
}
COMMENTS = [
    {
        "author": "ann",
        "labels": [],
        "replies": [{"author": "x", "ip": "1"}],
        "likes": 5,
    },
    {"spam": False, "author": "bob"},
]
SHAPES = [{"_model": "documents.Circle", "name": "c", "radius": 1.0, "colour": "red"}]


@pytest.fixture
def plain(documents):
    """Return a model of the table of cities with dictionaries for the documents."""
    from django.db import models

    from nonrel_backend.fields import DictField, ListField

    class PlainCity(models.Model):
        name = models.CharField(max_length=50)
        population = models.IntegerField(default=0)
        address = DictField()
        comments = ListField(DictField())
        shapes = ListField(DictField())
        tags = ListField()
        kinds = ListField()
        sizes = DictField()
        attributes = DictField()

        class Meta:
            app_label = "documents"
            db_table = documents.City._meta.db_table
            managed = False

    from django.apps import apps

    yield PlainCity
    del apps.all_models["documents"]["plaincity"]
    apps.clear_cache()


def stored(plain, alias="default"):
    city = plain.objects.using(alias).get()
    return city.address, city.comments, city.shapes


@pytest.fixture(params=ALIASES)
def alias(request, plain):
    plain.objects.using(request.param).create(
        name="x", address=ADDRESS, comments=COMMENTS, shapes=SHAPES
    )
    return request.param


def ordered(document):
    """Return a document with the order of its keys."""
    if isinstance(document, dict):
        return [(key, ordered(each)) for key, each in document.items()]
    return (
        [ordered(each) for each in document] if isinstance(document, list) else document
    )


def test_saving_an_untouched_object_changes_nothing(documents, plain, alias):
    before = stored(plain, alias)
    documents.City.objects.using(alias).get().save()
    assert ordered(stored(plain, alias)) == ordered(before)


READING = {
    "defer": lambda rows: rows.defer("name"),
    "local engine": lambda rows: rows.order_by(Case(default=Value(1)), "pk"),
    "window": lambda rows: rows.annotate(row=Window(RowNumber())),
    "union": lambda rows: rows.union(rows),
    "raw": lambda rows: rows.raw("SELECT * FROM documents_city"),
}


@pytest.mark.parametrize("way", READING)
def test_unknown_keys_are_kept_however_the_object_was_read(
    documents, plain, alias, way
):
    before = stored(plain, alias)
    (city,) = READING[way](documents.City.objects.using(alias).all())
    city.save()
    assert ordered(stored(plain, alias)) == ordered(before)


def test_a_changed_field_leaves_the_unknown_keys(documents, plain, alias):
    city = documents.City.objects.using(alias).get()
    city.address.city = None
    city.address.place.lng = 2.5
    city.comments[1].stars = 3
    city.shapes.append(documents.Square(name="s", side=1.0))
    city.save()
    address, comments, shapes = stored(plain, alias)
    assert address == {
        **{key: each for key, each in ADDRESS.items() if key != "city"},
        "place": {"alt": 7, "lat": 1.5, "lng": 2.5},
    }
    assert comments[1]["spam"] is False
    assert comments[1]["stars"] == 3
    assert shapes[0] == SHAPES[0]
    assert shapes[1] == {"_model": "documents.Square", "name": "s", "side": 1.0}


def test_unknown_keys_move_with_their_items(documents, plain, alias):
    city = documents.City.objects.using(alias).get()
    city.comments.reverse()
    del city.comments[0]
    city.save()
    assert stored(plain, alias)[1] == COMMENTS[:1]


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda city: pickle.loads(pickle.dumps(city))]
)
def test_copies_have_the_unknown_keys(documents, plain, alias, copied):
    before = stored(plain, alias)
    copied(documents.City.objects.using(alias).get()).save()
    assert ordered(stored(plain, alias)) == ordered(before)


def test_bulk_update_and_copies_of_columns_keep_unknown_keys(documents, plain, alias):
    manager = documents.City.objects.using(alias)
    city = manager.get()
    manager.bulk_update([city], ["address", "comments"])
    assert stored(plain, alias)[0] == ADDRESS
    manager.filter(name="x").update(name="y", address=F("address"))
    assert stored(plain, alias)[0] == ADDRESS


def test_changes_of_a_part_keep_unknown_keys(documents, plain, alias):
    manager = documents.City.objects.using(alias)
    manager.update(address__city=F("name"), address__place__lat=2.5)
    wanted = {**ADDRESS, "city": "x", "place": {"alt": 7, "lat": 2.5}}
    assert stored(plain, alias)[0] == wanted
    manager.get().save()
    assert stored(plain, alias)[0] == wanted


def test_embedded_models_are_compared_by_their_fields(documents, alias):
    city = documents.City.objects.using(alias).get()
    address = documents.Address(
        city="Kyoto", zip=5, place=documents.Place(lat=1.5), phones=["1"]
    )
    assert city.address == address
    assert not hasattr(city.address, "geo")


@pytest.mark.native_documents("the text is compared, with all of its keys")
def test_documents_are_compared_by_the_models_fields(documents, alias):
    manager = documents.City.objects.using("default")
    if not manager.exists():
        pytest.skip("SQLite compares the stored text.")
    city = manager.get()
    address = documents.Address(
        city="Kyoto", zip=5, place=documents.Place(lat=1.5), phones=["1"]
    )
    assert manager.filter(address=address).count() == 1
    assert manager.filter(address=city.address).count() == 1
    assert manager.filter(address__in=[address]).count() == 1
    bob = documents.Comment(author="bob", labels=None, replies=None)
    assert manager.filter(comments__contains=bob).count() == 1
    assert manager.exclude(address=address).count() == 0


@pytest.mark.parametrize("format", ["json", "jsonl", "xml", "yaml"])
def test_fixtures_have_the_unknown_keys(documents, plain, alias, tmp_path, format):
    path = tmp_path / f"cities.{format}"
    call_command(
        "dumpdata", "documents.City", format=format, database=alias, output=str(path)
    )
    documents.City.objects.using(alias).all().delete()
    for target in {alias, "default"}:
        call_command(
            "loaddata", str(path), database=target, verbosity=0, stdout=StringIO()
        )
        address, comments, shapes = stored(plain, target)
        assert address == ADDRESS
        assert comments[1]["spam"] is False
        assert comments[0]["replies"][0]["ip"] == "1"
        assert shapes == SHAPES


def test_unknown_keys_move_to_another_database(documents, plain, alias):
    other = "oracle" if alias == "default" else "default"
    documents.City.objects.using(alias).get().save(using=other, force_insert=True)
    assert stored(plain, other)[0] == ADDRESS


def test_unknown_keys_of_a_given_dictionary_are_kept(documents, plain):
    documents.City.objects.create(name="x", address={"town": "Kyoto", "zip": 5})
    assert stored(plain)[0] == {"town": "Kyoto", "zip": 5, "street": "", "phones": []}
    with pytest.raises(ValidationError, match="not a JSON value"):
        documents.City(address={"town": {1}}).clean_fields()


def test_documents_without_unknown_keys_keep_nothing(documents):
    address = documents.Address(city="x", place=documents.Place(lat=1.5))
    documents.City.objects.create(name="x", address=address, comments=[{"author": "a"}])
    city = documents.City.objects.get()
    sources = [city.address, city.address.place, city.comments[0]]
    assert [each._source for each in sources] == [None] * 3
