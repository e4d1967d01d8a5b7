"""save() reads back what the store has computed, by the statement that writes it."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection, models
from django.db.models import F, Value
from django.db.models.functions import Upper
from django.test.utils import CaptureQueriesContext

from tests.tables import tables_of


@pytest.fixture
def offer(library):
    return library.Offer.objects.create(seller="a", price=2, amount=3)


def saved(instance, **options):
    """Save the instance and return the number of statements that read or write."""
    with CaptureQueriesContext(connection) as captured:
        instance.save(**options)
    return sum(each["sql"] not in ("BEGIN", "COMMIT") for each in captured)


def test_the_value_of_an_expression(library):
    counter = library.Counter.objects.create(name="a", value=1)
    counter.value = F("value") + 41
    assert saved(counter) == 1
    assert counter.__dict__["value"] == 42
    assert library.Counter.objects.get().value == 42


def test_a_generated_column(offer, library):
    offer.amount = 5
    assert saved(offer) == 1
    assert offer.__dict__["total"] == 10
    offer.amount = F("amount") + 1
    assert saved(offer, update_fields=["amount"]) == 1
    assert (offer.__dict__["amount"], offer.__dict__["total"]) == (6, 12)


def test_a_generated_column_of_other_fields_is_not_read(offer):
    offer.__dict__["total"] = "untouched"
    offer.seller = "b"
    assert saved(offer, update_fields=["seller"]) == 1
    assert offer.total == "untouched"


def test_values_of_each_type(library):
    copy = library.Specimen.objects.create(char="a")
    values = {
        "binary": b"\0a",
        "boolean": True,
        "char": "b",
        "date": datetime.date(2020, 1, 2),
        "datetime": datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
        "decimal": Decimal("1.50"),
        "duration": datetime.timedelta(seconds=3),
        "float": 1.5,
        "integer": -4,
        "json": {"a": [1, None]},
        "time": datetime.time(1, 2, 3),
    }
    meta = library.Specimen._meta
    for name, value in values.items():
        setattr(copy, name, Value(value, output_field=meta.get_field(name)))
    copy.text = Upper("char")
    copy.save()
    assert {name: copy.__dict__[name] for name in values} == values
    assert copy.__dict__["text"] == "A"


def test_a_row_of_a_parent_and_of_a_child(library):
    author = library.Author.objects.create(name="a")
    novel = library.Novel.objects.create(title="t", author=author, pages=1, series="s")
    novel.pages, novel.series = F("pages") + 1, Upper("series")
    novel.save()
    assert (novel.__dict__["pages"], novel.__dict__["series"]) == (2, "S")


def test_a_composite_key(library):
    place = library.Place.objects.create(room="a", number=1, note="n")
    library.Place.objects.create(room="a", number=2, note="m")
    place.note = Upper("note")
    place.save()
    assert place.__dict__["note"] == "N"


def test_a_missing_row(library):
    counter = library.Counter(pk=7, name="a", value=F("value") + 1)
    with pytest.raises(library.Counter.NotUpdated):
        counter.save(force_update=True)


def test_a_row_that_its_manager_no_longer_finds_once_it_has_changed(library):
    class Open(models.Manager):
        def get_queryset(self):
            return super().get_queryset().filter(number__lt=10)

    class Ticket(models.Model):
        number = models.IntegerField()
        objects = Open()

        class Meta:
            app_label = "tests"
            base_manager_name = "objects"

    with tables_of(Ticket):
        ticket = Ticket.objects.create(number=9)
        ticket.number = F("number") + 1
        ticket.save()
        assert ticket.__dict__["number"] == 10
        assert not Ticket.objects.exists()
