"""Forms of models with document fields, without a browser."""

from datetime import date

import pytest
from django.http import QueryDict


@pytest.fixture
def CityForm(documents):
    from django.forms import modelform_factory

    names = ["name", "tags", "kinds", "years", "sizes", "attributes", "address"]
    names += ["comments", "shape"]
    return modelform_factory(documents.City, fields=names)


SHAPE = '{"_model": "documents.Square", "name": "s", "side": 1}'


def data(**values) -> QueryDict:
    """Return the data that a browser sends: each list's name with its row keys."""
    found = QueryDict(mutable=True)
    found.update({"name": "x", "shape": SHAPE})
    for name in ("tags", "kinds", "years", "sizes", "attributes", "comments"):
        found[f"{name}-rows"] = "1"
    for name, value in values.items():
        if isinstance(value, list):
            found.setlist(name, value)
        else:
            found[name] = value
    return found


def test_rows_make_a_list_in_the_order_of_the_page(CityForm):
    sent = data(tags=["1", "new1", "0"])
    sent.update({"tags-0": "a", "tags-1": "b", "tags-new1": "c"})
    form = CityForm(sent)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["tags"] == ["b", "c", "a"]


def test_a_list_without_rows_is_empty(documents, CityForm):
    city = documents.City(name="x", tags=["a"], shape=documents.Square(name="s"))
    form = CityForm(data(), instance=city)
    assert form.is_valid(), form.errors
    assert form.save(commit=False).tags == []


def test_a_list_that_was_not_sent_is_unchanged(documents):
    from django.forms import modelform_factory

    form_class = modelform_factory(documents.City, fields=["name", "tags"])
    city = documents.City(name="x", tags=["a"])
    form = form_class(QueryDict("name=y"), instance=city)
    assert form.is_valid(), form.errors
    assert form.save(commit=False).name == "y"


def test_empty_rows_are_ignored(CityForm):
    sent = data(tags=["0", "1"], sizes=["0"])
    sent.update({"tags-0": "", "tags-1": "b", "sizes-0-key": "", "sizes-0-value": ""})
    form = CityForm(sent)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["tags"] == ["b"]
    assert form.cleaned_data["sizes"] == {}


def test_every_kind_of_rows(documents, CityForm):
    sent = data(
        kinds=["0", "1"], years=["0"], sizes=["0"], attributes=["0"], comments=["0"]
    )
    sent.update(
        {
            "kinds-0": "a",
            "kinds-1": "a",
            "years-0": "2020",
            "sizes-0-key": "$a.b",
            "sizes-0-value": "5",
            "attributes-0-key": "any",
            "attributes-0-value": '[1, {"x": null}]',
            "comments-0-author": "ann",
            "comments-0-labels-rows": "1",
            "comments-0-labels": "7",
            "comments-0-labels-7": "first",
            "comments-0-replies-rows": "1",
            "comments-0-replies": "0",
            "comments-0-replies-0": '{"author": "bob"}',
            "address-city": "Kyoto",
            "address-since": "2020-01-02",
            "address-place-lat": "1.5",
            "address-phones-rows": "1",
        }
    )
    form = CityForm(sent)
    assert form.is_valid(), form.errors
    city = form.save(commit=False)
    assert city.kinds == {"a"}
    assert city.years == [2020]
    assert city.sizes == {"$a.b": 5}
    assert city.attributes == {"any": [1, {"x": None}]}
    assert city.comments == [
        documents.Comment(
            author="ann", labels=["first"], replies=[documents.Comment(author="bob")]
        )
    ]
    assert city.address == documents.Address(
        city="Kyoto", since=date(2020, 1, 2), place=documents.Place(lat=1.5)
    )
    assert city.shape == documents.Square(name="s", side=1.0)


@pytest.mark.parametrize(
    ("sent", "field", "message", "kept"),
    [
        (
            {"years": ["0", "1"], "years-0": "1", "years-1": "no year"},
            "years",
            "Item 2: Enter a whole number.",
            'value="no year"',
        ),
        (
            {"sizes": ["0"], "sizes-0-key": "", "sizes-0-value": "5"},
            "sizes",
            "Item 1: The key is missing.",
            'value="5"',
        ),
        (
            {
                "sizes": ["0", "1"],
                "sizes-0-key": "a",
                "sizes-0-value": "5",
                "sizes-1-key": "a",
                "sizes-1-value": "6",
            },
            "sizes",
            "A key is given twice.",
            'value="6"',
        ),
        (
            {"address-since": "no date", "address-city": "Kyoto"},
            "address",
            "since: Enter a valid date.",
            'value="no date"',
        ),
        (
            {"comments": ["0"], "comments-0-author": "x" * 21},
            "comments",
            "Item 1: author: Ensure this value has at most 20",
            f'value="{"x" * 21}"',
        ),
        (
            {"shape": '{"_model": "os.system"}'},
            "shape",
            "is not one of the models",
            "os.system",
        ),
    ],
)
def test_invalid_input_is_an_error_and_shown_again(
    CityForm, sent, field, message, kept
):
    form = CityForm(data(**sent))
    assert not form.is_valid()
    assert message in " ".join(form.errors[field])
    assert kept in str(form[field])


def test_the_form_shows_the_stored_values(documents, CityForm):
    city = documents.City(
        name="x",
        tags=["<b>"],
        sizes={"height": 5},
        address=documents.Address(city="Kyoto", place=documents.Place(lat=1.5)),
        shape=documents.Circle(name="c", radius=1.0),
    )
    shown = str(CityForm(instance=city))
    assert 'name="tags-0" value="&lt;b&gt;"' in shown
    assert 'name="sizes-0-key" value="height"' in shown
    assert 'name="address-place-lat" value="1.5"' in shown
    assert "documents.Circle" in shown
    assert "nonrel_backend/documents.js" in str(CityForm(instance=city).media)


def test_an_unchanged_form_has_not_changed(documents, CityForm):
    city = documents.City(
        name="x",
        tags=["a"],
        address=documents.Address(city="Kyoto"),
        shape=documents.Square(name="s", side=1.0),
    )
    sent = data(tags=["0"])
    sent.update({"tags-0": "a", "address-city": "Kyoto", "address-phones-rows": "1"})
    assert CityForm(sent, instance=city).changed_data == []
    sent["tags-0"] = "b"
    assert CityForm(sent, instance=city).changed_data == ["tags"]


def test_an_empty_embedded_form_is_none(documents, CityForm):
    form = CityForm(data(**{"address-city": "", "address-phones-rows": "1"}))
    assert form.is_valid(), form.errors
    assert form.cleaned_data["address"] is None


def test_bytes_are_uploaded(documents):
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.forms import modelform_factory

    form_class = modelform_factory(documents.Sample, fields=["blob"])
    upload = SimpleUploadedFile("x.bin", b"\0\1")
    form = form_class({}, {"blob": upload}, instance=documents.Sample())
    form.fields["blob"].required = False
    assert form.is_valid(), form.errors
    assert form.save(commit=False).blob == b"\0\1"
