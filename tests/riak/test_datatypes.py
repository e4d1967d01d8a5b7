"""CounterField and RiakSetField."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import (
    DataError,
    NotSupportedError,
    OperationalError,
    connections,
    models,
)
from django.db.models import F, Sum

from nonrel_backend.riak.client import messages
from nonrel_backend.riak.client.client import content
from nonrel_backend.riak.client.connection import framed
from nonrel_backend.testing.conformance.threads import together
from nonrel_backend.testing.riak.server import Dropped

from .conftest import sent

TYPES = {"counter_type": "cnt", "set_type": "sets"}


def bucket(table):
    return connections["own"].bucket(table)


@pytest.fixture
def pages(open_database):
    """Return the manager of Page on the test's database."""
    store = open_database(**TYPES)
    from .models import Page

    with store.schema_editor() as editor:
        editor.create_model(Page)
    return Page.objects.using("own")


def test_a_counter_is_an_object_of_its_own(pages):
    store = connections["own"]
    page = pages.create(name="a", visits=3)
    client, key = store.db_connection, str(page.pk)
    assert client.fetch(bucket("riak_page.visits"), key, "cnt").value.counter_value == 3
    (row,) = client.get(bucket("riak_page"), key).content
    assert b"visits" not in row.value
    assert pages.get().visits == 3


def test_each_addition_to_a_counter_is_one_request_and_counts(server, pages):
    page = pages.create(name="a")

    def add():
        for _ in range(10):
            pages.filter(pk=page.pk).update(visits=F("visits") + 1)

    assert together(add, 6, "own") == []
    assert pages.get().visits == 60
    pages.update(visits=F("visits") - 70 + 5)
    assert pages.get().visits == -5
    requests = sent(server, lambda: pages.update(visits=1 + F("visits")))
    assert requests["DtUpdateReq"] == 1 and "RpbPutReq" not in requests


def test_counters_are_read_in_a_pipeline_for_a_page_of_rows(server, pages):
    pages.bulk_create(pages.model(name=f"n{n}", visits=n) for n in range(100))
    rows = pages.filter(name__startswith="n")
    requests = sent(server, lambda: list(rows.all()))
    assert requests == {"RpbIndexReq": 1, "RpbGetReq": 100, "DtFetchReq": 300}
    few = rows.only("name")
    assert "DtFetchReq" not in sent(server, lambda: list(few))
    assert rows.get(visits=7).name == "n7"
    assert [page.visits for page in rows.order_by("-visits")[:2]] == [99, 98]
    assert rows.filter(visits__isnull=True).count() == 0
    assert rows.filter(visits__gte=98).aggregate(sum=Sum("visits")) == {"sum": 197}


def test_save_does_not_change_a_counter(pages):
    page = pages.create(name="a", visits=2)
    pages.update(visits=F("visits") + 1)
    page.name = "b"
    page.save()
    same = pages.get()
    same.save()
    assert (pages.get().name, pages.get().visits) == ("b", 3)
    same.visits = F("visits") + 4
    same.save()
    assert pages.get().visits == 7


def test_a_counter_cannot_be_set(pages):
    page = pages.create(name="a", visits=2)
    page.visits = 9
    with pytest.raises(NotSupportedError, match="cannot be set. Add to it"):
        page.save()
    for value in (9, F("score"), F("visits") * 2, 1 - F("visits")):
        with pytest.raises(NotSupportedError):
            pages.update(visits=value, name="b")
    with pytest.raises(NotSupportedError):
        pages.bulk_update([page], ["visits"])
    found = pages.get()
    assert (found.name, found.visits) == ("a", 2)


def test_a_counter_is_read_by_expressions(pages):
    pages.create(name="a", visits=2)
    pages.update(score=F("visits") * 2, visits=F("visits") + 1)
    assert (pages.get().score, pages.get().visits) == (4, 3)
    assert pages.filter(visits=3).update(name="b") == 1
    assert pages.filter(visits__lt=3).delete()[0] == 0
    assert pages.filter(visits=3).delete()[0] == 1


def test_save_creates_a_row_with_a_given_key(pages):
    pages.model(pk=7, name="a", visits=4).save(using="own")
    assert pages.get(pk=7).visits == 4


def test_values_are_deleted_with_their_row(pages):
    pages.create(pk=7, name="a", visits=4, tags={"x"})
    pages.all().delete()
    assert connections["own"].check_store() == []
    pages.create(pk=7, name="b", visits=1)
    assert (pages.get().visits, pages.get().tags) == (1, set())


def test_values_left_by_a_crashed_delete_are_found_and_do_not_count(server, pages):
    pages.create(pk=7, name="a", visits=4)

    def drop(request):
        if request.DESCRIPTOR.name == "RpbDelReq" and b"visits" in request.bucket:
            raise Dropped

    server.before = drop
    with pytest.raises(OperationalError):
        pages.all().delete()
    server.before = None
    (problem,) = connections["own"].check_store()
    assert "riak_page.visits has a value that belongs to no row: 7" in problem
    pages.create(pk=7, name="a", visits=1)
    assert pages.get().visits == 1
    assert connections["own"].check_store() == []


def test_nonrel_check_removes_values_without_a_row(pages):
    store = connections["own"]
    store.db_connection.add_to_counter(bucket("riak_page.visits"), "5", "cnt", 1)
    assert len(store.check_store(fix=True)) == 1
    assert store.check_store() == []


def test_members_of_a_set_are_merged(pages):
    from nonrel_backend.fields import AddToSet, Pull

    store = connections["own"]
    page = pages.create(name="a", tags={"x", "é"}, years={2001, 7})
    client, key = store.db_connection, str(page.pk)
    members = client.fetch(bucket("riak_page.tags"), key, "sets").value.set_value
    assert set(members) == {b"x", "é".encode()}
    years = client.fetch(bucket("riak_page.years"), key, "sets").value.set_value
    assert set(years) == {b"2001", b"7"}
    client.change_set(bucket("riak_page.tags"), key, "sets", adds=["other"])
    pages.update(tags=AddToSet("y"), years=Pull(7, 8))
    pages.update(tags=Pull("x", "no such"))
    found = pages.get()
    assert (found.tags, found.years) == ({"é", "other", "y"}, {2001})
    assert pages.filter(tags__contains="y").count() == 1
    assert pages.filter(tags={"é", "other", "y"}).count() == 1


def test_a_set_can_be_set(server, pages):
    page = pages.create(name="a", tags={"x", "y"})
    page.tags = {"y", "z"}
    page.save()
    assert pages.get().tags == {"y", "z"}
    pages.update(tags=[])
    assert pages.get().tags == set()
    with pytest.raises(NotSupportedError):
        pages.update(tags=F("name"))


def test_no_member_added_by_threads_is_lost(pages):
    from nonrel_backend.fields import AddToSet

    pages.create(name="a")
    numbers = iter(range(100))

    def add():
        for _ in range(5):
            pages.update(tags=AddToSet(str(next(numbers))))

    assert together(add, 4, "own") == []
    assert len(pages.get().tags) == 20


# --- schema ---


def test_without_a_bucket_type_there_is_a_clear_error(open_database):
    from .models import Page

    store = open_database()
    with pytest.raises(ImproperlyConfigured, match="counter_type"):
        with store.schema_editor() as editor:
            editor.create_model(Page)
    store = open_database(**{**TYPES, "set_type": "mult"})
    with pytest.raises(ImproperlyConfigured, match="is not 'set'"):
        with store.schema_editor() as editor:
            editor.create_model(Page)


def field(model, name, **options):
    found = model._meta.get_field(name).clone()
    found.set_attributes_from_name(name)
    found.model = model
    for option, value in options.items():
        setattr(found, option, value)
    return found


def test_a_counter_column_is_added_and_removed(pages):
    store, model = connections["own"], pages.model
    page = pages.create(name="a", visits=5)
    client, key = store.db_connection, str(page.pk)
    with store.schema_editor() as editor:
        editor.remove_field(model, model._meta.get_field("visits"))
    assert not client.fetch(bucket("riak_page.visits"), key, "cnt").HasField("value")
    with store.schema_editor() as editor:
        editor.add_field(model, field(model, "visits", default=2))
    assert pages.get().visits == 2
    assert store.check_store() == []


def test_unsupported_uses_of_data_types_are_rejected(pages):
    store, model = connections["own"], pages.model
    with pytest.raises(NotSupportedError, match="no index"):
        with store.schema_editor() as editor:
            editor.add_index(model, models.Index(fields=["visits"], name="by_visits"))
    positive = models.CheckConstraint(condition=models.Q(visits__gte=0), name="least")
    with pytest.raises(NotSupportedError, match="no constraint"):
        with store.schema_editor() as editor:
            editor.add_constraint(model, positive)
    renamed = field(model, "visits", column="seen")
    with pytest.raises(NotSupportedError, match="cannot be moved"):
        with store.schema_editor() as editor:
            editor.alter_field(model, model._meta.get_field("visits"), renamed)


def test_a_renamed_table_keeps_its_counters(pages):
    store, model = connections["own"], pages.model
    pages.create(name="a", visits=5, tags={"x"})
    with store.schema_editor() as editor:
        editor.alter_db_table(model, "riak_page", "riak_other")
    found = store.db_connection.fold(bucket("riak_other.visits"), 10, type=b"cnt")
    (counter,) = found
    reply = store.db_connection.fetch(bucket("riak_other.visits"), counter.key, "cnt")
    assert reply.value.counter_value == 5


def test_unsupported_field_options_are_system_check_errors():
    from django.test.utils import isolate_apps

    from nonrel_backend.riak.fields import CounterField, RiakSetField

    with isolate_apps("tests.library"):

        class Wrong(models.Model):
            number = CounterField(null=True, unique=True)
            members = RiakSetField(models.CharField(max_length=5), null=True)

            class Meta:
                app_label = "library"

        found = [each.msg for each in Wrong.check()]
    assert "CounterField does not support 'null'." in found
    assert "CounterField does not support 'unique'." in found
    assert "RiakSetField does not support 'null'." in found


@pytest.mark.parametrize("visits", [0, 5])
def test_a_plain_object_instead_of_a_counter_counts_as_0(pages, visits):
    page = pages.create(name="a", visits=visits)
    client = connections["own"].db_connection
    client.put(bucket("riak_page.visits"), str(page.pk), content(b"1"), type=b"cnt")
    assert pages.get().visits == visits


@pytest.mark.parametrize("alias", ["oracle", "lmdb"])
def test_on_other_databases_they_are_plain_columns(databases, alias):
    from nonrel_backend.fields import AddToSet

    from .models import Page

    with databases[alias].schema_editor() as editor:
        editor.create_model(Page)
    try:
        pages = Page.objects.using(alias)
        page = pages.create(name="a", visits=3, tags={"x"}, years={7})
        pages.update(visits=F("visits") + 1, tags=AddToSet("y"))
        page.name = "b"
        page.save(update_fields=["name", "visits"])
        found = pages.get(visits=4)
        assert (found.name, found.visits, found.tags) == ("b", 4, {"x", "y"})
        found.visits = 9
        found.save()
        assert pages.get().visits == 9
    finally:
        with databases[alias].schema_editor() as editor:
            editor.delete_model(Page)


def test_a_number_past_64_bits_is_not_added_to_a_counter(pages):
    page = pages.create(name="a", visits=2)
    for amount in (2**63, -(2**63) - 1, 10**30):
        with pytest.raises(DataError, match="riak_page.visits.*64 bits"):
            pages.filter(pk=page.pk).update(visits=F("visits") + amount)
    assert pages.get().visits == 2


def test_a_counter_past_64_bits_is_an_error_that_names_it(server, pages):
    page = pages.create(name="a")
    # As Riak sends it: a varint of more than 64 bits.
    varint = bytes([8, *[255] * 9, 3])
    value = bytes([0x10, 1, 0x1A, len(varint)]) + varint
    answers = server.answers

    def beyond(request):
        is_visits = request.bucket.endswith(b"visits")
        if not isinstance(request, messages.DtFetchReq) or not is_visits:
            return answers(request)
        return [framed(messages.CODES["DtFetchResp"], value)]

    server.answers = beyond
    with pytest.raises(DataError, match=f"riak_page.visits in the row {page.pk}"):
        pages.get()
    assert pages.defer("visits").get().name == "a"


def test_a_member_that_is_no_text_is_an_error_that_names_the_set(pages):
    page = pages.create(name="a", tags=["x"])
    client = connections["own"].db_connection
    client.change_set(bucket("riak_page.tags"), str(page.pk), "sets", adds=[b"\xff"])
    with pytest.raises(DataError, match="riak_page.tags has a member"):
        pages.get()
