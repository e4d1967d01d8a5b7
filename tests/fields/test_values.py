"""Values of every field in every collection, written and read back."""

import copy
import json
import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DataError, NotSupportedError
from django.forms.models import model_to_dict

ALIASES = ["default", "oracle"]


@pytest.mark.parametrize("alias", ALIASES)
def test_extreme_values_are_read_back_unchanged(documents, alias):
    from nonrel_backend.testing.documents.samples import samples

    for text, found, wanted in samples(alias):
        assert found == wanted, text


@pytest.mark.parametrize("alias", ALIASES)
def test_nan_is_read_back(documents, alias):
    documents.Sample(list_float=[float("nan")]).save(using=alias)
    (value,) = documents.Sample.objects.using(alias).get().list_float
    assert value != value


@pytest.mark.parametrize("alias", ALIASES)
def test_null_and_empty_are_different(documents, alias):
    manager = documents.Sample.objects.using(alias)
    null = manager.create(list_text=None)
    empty = manager.create(list_text=[])
    none = manager.create(list_text=[None])
    assert manager.get(pk=null.pk).list_text is None
    assert manager.get(pk=empty.pk).list_text == []
    assert manager.get(pk=none.pk).list_text == [None]
    assert list(manager.filter(list_text__isnull=True)) == [null]
    assert list(manager.filter(list_text__len=0)) == [empty]
    assert list(manager.filter(list_text=[])) == [empty]
    assert set(manager.filter(list_text__0__isnull=True)) == {null, empty, none}


def test_datetimes_have_the_stores_precision(documents):
    moment = datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    for alias in ("lmdb", "oracle"):
        documents.Sample(list_datetime=[moment]).save(using=alias)
        assert documents.Sample.objects.using(alias).get().list_datetime == [moment]


@pytest.mark.parametrize(
    "values",
    [
        {"list_biginteger": [2**63]},
        {"dict_decimal": {"a": Decimal("1E+30")}},
        {"list_raw": [{1, 2}]},
        {"list_raw": [{1: 2}]},
    ],
)
@pytest.mark.native_documents("any number and any key can be written as text")
def test_values_that_cannot_be_stored_are_refused(documents, values):
    with pytest.raises(DataError):
        documents.Sample(**values).save()


def test_default_values_are_never_shared(documents):
    first, second = documents.City(), documents.City()
    first.tags.append("x")
    first.sizes["a"] = 1
    assert second.tags == []
    assert second.sizes == {}
    assert documents.City().address is None


@pytest.mark.parametrize("alias", ALIASES)
def test_changes_in_place_are_saved(documents, alias):
    city = documents.City(address=documents.Address(city="Kyoto"))
    city.save(using=alias)
    city.tags.append("new")
    city.address.phones = ["1"]
    city.comments.append(documents.Comment(author="x"))
    city.save()
    found = documents.City.objects.using(alias).get()
    assert found.tags == ["new"]
    assert found.address.phones == ["1"]
    assert found.comments == [documents.Comment(author="x")]


def test_a_list_with_an_ordering_is_sorted_when_saved(documents):
    from nonrel_backend.fields import ListField

    field = ListField(ordering=str.lower)
    city = documents.City(tags=["b", "C", "a"])
    field.set_attributes_from_name("tags")
    assert field.pre_save(city, True) == ["a", "b", "C"] == city.tags


@pytest.mark.parametrize("alias", ALIASES)
def test_polymorphic_values_are_read_as_their_models(documents, alias):
    circle = documents.Circle(name="c", radius=1.0)
    square = documents.Square(name="s", side=2.0)
    documents.City(shapes=[circle, square], shape=square).save(using=alias)
    found = documents.City.objects.using(alias).get()
    assert found.shapes == [circle, square]
    assert [type(each) for each in found.shapes] == [documents.Circle, documents.Square]
    assert found.shape == square


def test_a_model_that_is_not_allowed_is_refused(documents):
    with pytest.raises(ValidationError, match="not one of the models"):
        documents.City._meta.get_field("shape").to_python({"_model": "os.system"})
    with pytest.raises(ValidationError):
        documents.City(name="x", shape=documents.Place()).full_clean()


def test_a_foreign_key_is_stored_as_the_key(documents):
    country = documents.Country.objects.create(name="Japan")
    documents.City(address=documents.Address(country=country)).save()
    found = documents.City.objects.get()
    assert found.address.country_id == country.pk
    assert found.address.country == country


def test_embedded_models_cannot_be_saved_alone(documents):
    with pytest.raises(NotSupportedError, match="Save the model that contains it"):
        documents.Place(lat=1.0).save()
    with pytest.raises(NotSupportedError, match="has no table"):
        documents.Place.objects.count()


def full_city(documents):
    return documents.City(
        name="Kyoto",
        tags=["a", "b"],
        kinds={"x", "y"},
        years=[1, 2],
        sizes={"a.b": 1, "$c": None},
        attributes={"any": [1, {"thing": None}]},
        address=documents.Address(
            city="Kyoto", since=date(2020, 1, 2), place=documents.Place(lat=1.5)
        ),
        comments=[
            documents.Comment(
                author="a",
                at=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
                replies=[documents.Comment(author="b")],
            )
        ],
        shapes=[documents.Circle(name="c", radius=0.5)],
        shape=documents.Square(name="s", side=1.0),
        raw={"a": [1]},
    )


def assert_equal(left, right):
    for field in left._meta.concrete_fields:
        assert getattr(left, field.attname) == getattr(right, field.attname), field.name


def test_pickles_and_copies(documents):
    city = full_city(documents)
    assert_equal(pickle.loads(pickle.dumps(city)), city)
    copied = copy.deepcopy(city)
    assert_equal(copied, city)
    copied.address.place.lat = 2.0
    copied.comments[0].replies.append(1)
    assert city.address.place.lat == 1.5
    assert len(city.comments[0].replies) == 1


def test_model_to_dict(documents):
    values = model_to_dict(full_city(documents))
    assert values["tags"] == ["a", "b"]
    assert values["address"].city == "Kyoto"
    assert model_to_dict(values["address"])["since"] == date(2020, 1, 2)
    assert "no_key" not in model_to_dict(values["address"])


@pytest.mark.parametrize("format", ["json", "jsonl", "xml", "yaml"])
def test_dumpdata_and_loaddata_give_equal_data(documents, tmp_path, format):
    from nonrel_backend.testing.documents.samples import EXTREMES

    city = full_city(documents)
    city.save()
    sample = documents.Sample(
        blob=b"\0\1",
        leaves=documents.Leaves(
            **{
                name: values[-1]
                for name, values in EXTREMES.items()
                if name not in ("raw", "float")
            }
        ),
        **{f"list_{name}": values for name, values in EXTREMES.items()},
    )
    if format == "xml":
        sample.list_text.remove("\0")
        sample.list_text = [*sample.list_text]
    sample.save()
    path = tmp_path / f"cities.{format}"
    call_command("dumpdata", "documents", format=format, output=str(path), verbosity=0)
    documents.City.objects.all().delete()
    documents.Sample.objects.all().delete()
    call_command("loaddata", str(path), verbosity=0, stdout=StringIO())
    assert_equal(documents.City.objects.get(), city)
    assert_equal(documents.Sample.objects.get(), sample)


def test_fixtures_move_a_model_to_another_backend(documents, tmp_path):
    city = full_city(documents)
    city.save()
    path = tmp_path / "cities.json"
    call_command("dumpdata", "documents", output=str(path), verbosity=0)
    call_command("loaddata", str(path), database="oracle", verbosity=0)
    assert_equal(documents.City.objects.using("oracle").get(), city)


def test_documents_are_json_text_in_sql(documents, databases):
    full_city(documents).save(using="oracle")
    with databases["oracle"].cursor() as cursor:
        cursor.execute("SELECT tags, address FROM documents_city")
        tags, address = map(json.loads, cursor.fetchone())
    assert tags == ["a", "b"]
    assert address["since"] == "2020-01-02"


# --- validation ---


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tags": ["ok", "x" * 21]}, "Item 2: Ensure this value has at most 20"),
        ({"years": [1, "x"]}, "Item 2: “x” value must be an integer"),
        ({"tags": {"a": 1}}, "is not a list of values"),
        ({"sizes": {1: 2}}, "The key 1 is not a string"),
        ({"sizes": [1]}, "is not a dictionary"),
        ({"address": {"zip": "x"}}, "zip: “x” value must be an integer"),
        ({"tags": "not JSON"}, "Enter valid JSON"),
    ],
)
def test_full_clean_validates_items(documents, values, message):
    city = documents.City(name="x", shape=documents.Square(name="s", side=1), **values)
    with pytest.raises(ValidationError) as error:
        city.full_clean()
    (name,) = values
    assert message in " ".join(error.value.message_dict[name])


def test_full_clean_validates_embedded_models(documents):
    city = documents.City(
        name="x",
        shape=documents.Square(name="s", side=1),
        comments=[documents.Comment(author="y" * 21)],
    )
    with pytest.raises(ValidationError) as error:
        city.full_clean()
    (message,) = error.value.message_dict["comments"]
    assert message.startswith("Item 1: author: Ensure this value has at most 20")


def test_full_clean_converts_to_the_item_fields_types(documents):
    city = documents.City(
        name="x",
        years=["1", 2],
        address={"zip": "5", "since": "2020-01-02"},
        shape={"_model": "documents.Square", "name": "s", "side": "1.5"},
    )
    city.full_clean()
    assert city.years == [1, 2]
    assert city.address == documents.Address(zip=5, since=date(2020, 1, 2))
    assert city.shape == documents.Square(name="s", side=1.5)
