"""The backend: requests, races, siblings, tombstones, limits."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import (
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    transaction,
)
from django.db.models import F, IntegerField, Q, Sum

from nonrel_backend.riak.client import Refused
from nonrel_backend.riak.client.client import content
from nonrel_backend.testing.conformance.threads import together
from nonrel_backend.testing.riak.server import Dropped

from .conftest import create_tables, sent


def author(**values):
    from tests.library.models import Author

    return Author.objects.using("own").create(**{"name": "a", **values})


def books(number, **values):
    from tests.library.models import Book

    writer = author(name="writer")
    manager = Book.objects.using("own")
    manager.bulk_create(
        Book(**{"title": f"t{n:03}", "author": writer, "pages": n, **values})
        for n in range(number)
    )
    return manager


def counter(name="c", value=0):
    from tests.library.models import Counter

    return Counter.objects.using("own").create(name=name, value=value)


def counters():
    from tests.library.models import Counter

    return Counter.objects.using("own")


# --- rows as other clients see them ---


def test_a_row_is_a_json_object_with_its_index_entries(store):
    made = author(name="Zoë, née !", email="z@example.org")
    reply = store.db_connection.get(store.bucket("library_author"), str(made.pk))
    (found,) = reply.content
    assert found.content_type == b"application/json"
    assert json.loads(found.value) == {
        "id": made.pk,
        "name": "Zoë, née !",
        "email": "z@example.org",
    }
    entries = {pair.key.decode(): pair.value.decode() for pair in found.indexes}
    key = entries["primary-key_bin"]
    key = key[: len(key) // 2]
    (email,) = (entries[each] for each in entries if "email" in each)
    assert email == f"!Bz@example.org!@!A{key}"
    (mentor,) = (entries[each] for each in entries if "mentor" in each)
    assert mentor == f"!A{key}"  # NULL
    assert sum("name" in each for each in entries) == 1 and len(entries) == 4


def test_keys_are_in_the_order_of_creation_and_have_63_bits(store):
    made = [author().pk for _ in range(1_200 // 100)]
    manager = books(1_200)
    keys = list(manager.order_by("pages").values_list("pk", flat=True))
    assert made == sorted(made)
    assert keys == sorted(keys) and len(set(keys)) == 1_200
    assert 0 < keys[-1] < 2**63


# --- requests ---


def test_requests_are_counted(server, store):
    from tests.library.models import Author, Book

    manager = books(500)
    key = manager.first().pk
    assert sent(server, lambda: manager.get(pk=key)) == {"RpbGetReq": 1}
    book = Book(title="x", author_id=1, pages=1)
    assert sent(server, lambda: book.save(using="own")) == {"RpbPutReq": 1}
    few = manager.filter(pages__range=(10, 29))
    assert sent(server, lambda: list(few)) == {"RpbIndexReq": 1, "RpbGetReq": 20}
    related = manager.filter(pages__range=(100, 199)).select_related("author")
    list(related)
    found = sent(server, lambda: list(related.all()))
    assert found == {"RpbIndexReq": 1, "RpbGetReq": 101}
    assert Author.objects.using("own").count() == 1


def test_in_bulk_of_500_is_one_pipeline(server, store, monkeypatch):
    from nonrel_backend.riak.client.connection import Connection

    manager = books(500)
    keys = list(manager.values_list("pk", flat=True))
    sizes = []
    pipeline = Connection.pipeline

    def counted(self, requests):
        sizes.append(len(requests))
        return pipeline(self, requests)

    monkeypatch.setattr(Connection, "pipeline", counted)
    assert len(manager.in_bulk(keys)) == 500
    assert sizes == [500]


def test_a_slice_in_the_order_of_an_index_reads_one_page(server, store):
    manager = books(1_500)
    ordered = manager.order_by("pages")[:10]
    found = sent(server, lambda: [book.pages for book in ordered])
    assert [book.pages for book in ordered] == list(range(10))
    assert found["RpbGetReq"] <= 500 and "RpbCSBucketReq" not in found


def test_the_rows_of_several_values_come_in_the_order_of_their_keys(store):
    for _ in range(5):
        manager = books(9)
    found = list(manager.filter(pages__in=[3, 4, 5]).values_list("pages", "pk"))
    assert len(found) == 15 and found == sorted(found)


def test_nulls_come_first_in_the_order_of_an_index(store):
    manager = books(5)
    manager.filter(pages=3).update(published="2024-01-01T00:00:00Z")
    assert manager.order_by("published").values_list("pages", flat=True)[:5][4] == 3
    assert manager.filter(published__isnull=True).count() == 4


def test_the_more_selective_of_two_indexes_is_used(server, store):
    manager = books(300, published="2024-05-01T00:00:00Z")
    both = manager.filter(published__year=2024, pages=7)
    found = sent(server, lambda: both.get())
    assert found["RpbGetReq"] == 1


def test_or_is_the_union_of_index_queries(server, store):
    manager = books(300)
    either = manager.filter(Q(pages=7) | Q(title__startswith="t20") | Q(pages__lte=1))
    requests = sent(server, lambda: list(either.all()))
    assert len(either) == 13 and requests == {"RpbIndexReq": 3, "RpbGetReq": 13}
    text = either.explain(analyze=True)
    assert text.count("index library_book_pages") == 2 and "13 rows read" in text
    # A branch without an index has the whole table read.
    other = manager.filter(Q(pages=7) | Q(rating=1.0))
    assert "RpbCSBucketReq" in sent(server, lambda: list(other.all()))
    assert "[index PRIMARY" in other.explain()


def test_in_is_a_query_of_each_value(server, store):
    manager = books(300)
    some = manager.filter(pages__in=[3, 5, 7, 7, 999])
    requests = sent(server, lambda: list(some.all()))
    assert requests == {"RpbIndexReq": 4, "RpbGetReq": 3}
    assert "4 ranges of index library_book_pages" in some.explain()
    both = manager.filter(pages__in=range(250), title="t007")
    assert sent(server, lambda: both.get())["RpbGetReq"] == 1


def test_the_probe_of_indexes_is_bounded(server, store):
    manager = books(700)
    sizes = []

    def noted(request):
        if type(request).__name__ == "RpbIndexReq":
            sizes.append(request.max_results)

    server.before = noted
    assert manager.filter(pages__gte=0, title__gte="t698").count() == 2
    assert sizes[:2] == [100, 100]
    assert (
        "index library_book_title"
        in manager.filter(pages__gte=0, title="t698").explain()
    )


def test_every_query_that_holds_rows_is_limited(open_database):
    store = open_database(local_rows=50)
    create_tables(store)
    manager = books(120, rating=1.0)
    ways = [
        lambda: list(manager.order_by("-rating")),
        lambda: list(manager.filter(rating=2).order_by("pages")),
        lambda: list(manager.filter(pages__gte=0, rating=2)),
        lambda: list(manager.filter(Q(pages__lt=90) | Q(title="x"), rating=2)),
        lambda: manager.filter(rating=2).delete(),
        lambda: manager.filter(rating=2).count(),
        lambda: manager.aggregate(total=Sum("pages")),
        lambda: list(manager.annotate(n=F("pages") % 7).filter(n=3).order_by("n")),
    ]
    unguarded = []
    for number, work in enumerate(ways):
        try:
            work()
            unguarded.append(number)
        except NotSupportedError as error:
            assert "local_rows" in str(error)
    assert unguarded == []
    assert manager.filter(rating=1.0).count() == 120
    assert len(manager.order_by("pages")[:60]) == 60
    assert manager.update(rating=3) == 120 == manager.filter(rating=3).count()
    assert manager.filter(pages__lt=60)._raw_delete("own") == 60


def test_two_filters_on_one_column_are_one_range(server, store):
    manager = books(300)
    some = manager.filter(pages__gt=100, pages__lt=110, title__gte="t105")
    requests = sent(server, lambda: list(some.all()))
    assert len(some) == 5 and requests["RpbGetReq"] <= 11
    assert "[index library_book_pages" in some.explain()
    nothing = manager.filter(pages__gt=110, pages__lt=100)
    assert sent(server, lambda: list(nothing)) == {}
    assert manager.filter(rating=None, published=None, pages=7).count() == 1


def test_a_scan_past_local_rows_names_the_index_that_helps(open_database):
    store = open_database(local_rows=50)
    create_tables(store)
    manager = books(120, rating=1.0)
    with pytest.raises(NotSupportedError, match="db_index=True on rating"):
        manager.filter(rating__gt=2).first()
    assert manager.filter(pages__gt=110).count() == 9


# --- races ---


@pytest.mark.parametrize("bucket_type", ["mult", "mult1"])
def test_concurrent_additions_count_once(server, open_database, bucket_type):
    create_tables(open_database(bucket_type=bucket_type))
    server.answers.pause = 0.003
    row = counter()

    def add():
        for _ in range(10):
            counters().filter(pk=row.pk).update(value=F("value") + 1)

    assert together(add, 4, "own") == []
    row.refresh_from_db()
    assert row.value == 40


def test_concurrent_additions_count_once_with_constraints(server, open_database):
    create_tables(open_database(bucket_type="mult"))
    server.answers.pause = 0.003
    manager = books(1)

    def add():
        for _ in range(10):
            manager.update(pages=F("pages") + 1)

    assert together(add, 4, "own") == []
    assert manager.get().pages == 40


def test_an_update_that_always_conflicts_is_an_operational_error(server, store):
    row = counter()
    bucket = store.bucket("library_counter")
    client = store.db_connection

    def other(request):
        if type(request).__name__ == "RpbPutReq" and request.if_not_modified:
            server.before = None
            found = client.get(bucket, str(row.pk))
            client.put(bucket, str(row.pk), found.content[0], vclock=found.vclock)
            server.before = other

    server.before = other
    with pytest.raises(OperationalError, match="changed by others"):
        counters().filter(pk=row.pk).update(value=F("value") + 1)


@pytest.mark.parametrize(
    "options",
    [
        {"unique": "markers", "unique_type": "mult1"},
        {"unique": "strong", "unique_type": "sc"},
    ],
)
def test_one_of_the_threads_gets_a_unique_value(server, open_database, options):
    create_tables(open_database(**options))
    server.answers.pause = 0.003
    errors = together(lambda: counter("same"), 8, "own")
    assert len(errors) == 7
    assert {type(error) for error in errors} == {IntegrityError}
    assert counters().filter(name="same").count() == 1


def test_strong_is_rejected_for_a_type_that_is_not(open_database):
    with pytest.raises(ImproperlyConfigured, match="not strongly consistent"):
        create_tables(open_database(unique="strong", unique_type="mult"))


def test_unique_values_can_be_switched_off(server, open_database):
    create_tables(open_database(unique="off"))
    counter("x")
    assert sent(server, lambda: counter("x")) == {"RpbPutReq": 1}
    assert counters().filter(name="x").count() == 2


# --- faults ---


def once(name, fault):
    """Return a hook that does fault() at the second request of a name only."""
    count = 0

    def hook(request):
        nonlocal count
        count += type(request).__name__ == name
        if type(request).__name__ == name and count == 2:
            fault()

    return hook


def drop():
    raise Dropped


def test_a_node_that_dies_during_a_fold_returns_no_row_twice(server, store):
    manager = books(1_300)
    server.before = once("RpbCSBucketReq", drop)
    assert len(manager.all()) == 1_300


def test_rows_acknowledged_before_a_node_dies_are_there(server, store):
    server.after = once("RpbPutReq", drop)
    acknowledged = []
    with pytest.raises(OperationalError):
        for _ in range(5):
            acknowledged.append(author().pk)
    server.after = None
    from tests.library.models import Author

    found = set(Author.objects.using("own").values_list("pk", flat=True))
    assert len(acknowledged) == 1 and found.issuperset(acknowledged)


def test_an_error_of_the_server_is_clear(server, store):
    def overload(request):
        if type(request).__name__ == "RpbGetReq":
            raise Refused("overload")

    row = counter()
    server.before = overload
    with pytest.raises(OperationalError, match="overload"):
        row.refresh_from_db()


def test_a_broken_pipeline_of_reads_is_repeated(server, store):
    manager = books(200)
    keys = list(manager.values_list("pk", flat=True))
    server.before = once("RpbGetReq", drop)
    assert len(manager.in_bulk(keys)) == 200


# --- siblings and tombstones ---


def test_siblings_are_resolved_when_they_are_read(open_database):
    store = open_database(bucket_type="mult")
    create_tables(store)
    row = counter(value=1)
    bucket, client = store.bucket("library_counter"), store.db_connection
    for value in (2, 3):
        other = json.dumps({"id": row.pk, "name": "c", "value": value}).encode()
        client.put(bucket, str(row.pk), content(other), type=b"mult")
    assert len(client.get(bucket, str(row.pk), type=b"mult").content) == 3
    row.refresh_from_db()
    assert row.value == 3
    assert len(client.get(bucket, str(row.pk), type=b"mult").content) == 1


def largest(versions):
    return max((row for row, _ in versions), key=lambda row: row["value"])


def test_a_custom_resolver(open_database):
    store = open_database(bucket_type="mult", resolvers={"library_counter": largest})
    create_tables(store)
    row = counter(value=1)
    bucket, client = store.bucket("library_counter"), store.db_connection
    for value in (9, 2):
        other = json.dumps({"id": row.pk, "name": "c", "value": value}).encode()
        client.put(bucket, str(row.pk), content(other), type=b"mult")
    assert [each.value for each in counters().all()] == [9]


@pytest.mark.parametrize("bucket_type", ["", "mult"])
def test_a_deleted_row_is_gone_and_can_be_created_again(open_database, bucket_type):
    store = open_database(bucket_type=bucket_type)
    create_tables(store)
    row = counter("x", 1)
    counters().all().delete()
    assert list(counters().all()) == []
    assert counters().count() == 0
    assert not counters().filter(pk=row.pk).exists()
    counters().create(pk=row.pk, name="x", value=2)
    assert [each.value for each in counters().all()] == [2]
    assert counters().filter(name="x").count() == 1


# --- claims of unique values ---


def test_the_claim_of_a_crashed_writer_is_taken_over(store, monkeypatch):
    from nonrel_backend.kv import claims

    monkeypatch.setattr(claims, "GRACE", 0.1)
    client, bucket = store.db_connection, store.bucket("nonrel_unique")
    counter("x")
    (known,) = client.keys(bucket)
    counters().all().delete()
    assert client.get(bucket, known).content == []
    client.put(bucket, known, content(b'{"key":"999"}'))
    counter("x")
    with pytest.raises(IntegrityError):
        counter("x")


def test_a_unique_value_is_free_after_its_row_has_changed(store):
    row = counter("x")
    started = time.monotonic()
    counters().filter(pk=row.pk).update(name="y")
    counter("x")
    with pytest.raises(IntegrityError):
        counters().filter(pk=row.pk).update(name="x")
    with pytest.raises(IntegrityError):
        counter("y")
    assert time.monotonic() - started < 2


def test_an_insert_that_fails_leaves_no_claim(server, store):
    counter("a")

    def refuse(request):
        if type(request).__name__ == "RpbPutReq" and b"counter" in request.bucket:
            raise Dropped

    server.before = refuse
    with pytest.raises(OperationalError):
        counter("b")
    server.before = None
    # Whether the row was written is not known then: the claim is taken over later.
    assert counters().filter(name="b").count() == 0


# --- schema ---


def test_an_index_added_later_finds_existing_rows(server, store):
    from django.db import models

    from tests.library.models import Book

    manager = books(700, rating=1.5)
    manager.filter(pages__lt=10).update(rating=3.5)
    with store.schema_editor() as editor:
        editor.add_index(Book, models.Index(fields=["rating"], name="by_rating"))
    good = manager.filter(rating=3.5)
    found = sent(server, lambda: list(good))
    assert len(good) == 10
    assert found == {"RpbIndexReq": 1, "RpbGetReq": 10}


def stop_at(name, number):
    """Return a hook that drops the connection from this request of a name on."""
    count = 0

    def hook(request):
        nonlocal count
        count += type(request).__name__ == name
        if count >= number:
            raise Dropped

    return hook


def break_off(server, work, puts):
    """Make work() fail after so many puts."""
    server.before = stop_at("RpbPutReq", puts)
    with pytest.raises(OperationalError):
        work()
    server.before = None


def test_an_interrupted_index_build_is_continued(server, store, caplog):
    from django.db import models

    from nonrel_backend import progress
    from tests.library.models import Book

    manager = books(1_700)
    manager.filter(pages__lt=10).update(rating=3.5)
    index = models.Index(fields=["rating"], name="by_rating")

    def add_index():
        with store.schema_editor() as editor:
            editor.add_index(Book, index)

    break_off(server, add_index, 1_250)
    assert manager.filter(rating=3.5).count() == 10
    writer = author()
    Book.objects.using("own").create(title="new", author=writer, pages=1, rating=3.5)
    with pytest.MonkeyPatch.context() as patch, caplog.at_level("INFO"):
        patch.setattr(progress, "SECONDS", 0)
        patch.setattr(progress, "ROWS", 100)
        requests = sent(server, add_index)
    assert "library_book: index by_rating: 500 of 1701 rows" in caplog.messages
    assert 600 < requests["RpbPutReq"] < 800
    assert manager.filter(rating=3.5).count() == 11
    assert "index by_rating" in manager.filter(rating=3.5).explain()
    assert store.check_store() == []


def test_an_interrupted_field_removal_is_continued(server, store):
    from tests.library.models import Book

    manager = books(1_200, published="2024-05-01T00:00:00Z")

    def remove_field():
        with store.schema_editor() as editor:
            editor.remove_field(Book, Book._meta.get_field("published"))

    break_off(server, remove_field, 700)
    remove_field()
    for each in store.db_connection.fold(store.bucket("library_book"), 500):
        (found,) = each.object.content
        assert "published" not in json.loads(found.value)
        entries = [pair for pair in found.indexes if b"published" in pair.key]
        assert entries == []
        assert b"published" not in [pair.value for pair in found.indexes]
    assert manager.defer("published").count() == 1_200
    assert store.check_store() == []


def test_an_interrupted_field_addition_is_continued(server, store):
    from tests.library.models import Book

    books(1_200)
    field = IntegerField(default=7)
    field.set_attributes_from_name("shelf")

    def add_field():
        with store.schema_editor() as editor:
            editor.add_field(Book, field)

    break_off(server, add_field, 700)
    assert sent(server, add_field)["RpbPutReq"] < 800
    for each in store.db_connection.fold(store.bucket("library_book"), 500):
        (found,) = each.object.content
        assert json.loads(found.value)["shelf"] == 7
    with pytest.raises(ProgrammingError, match="duplicate column"):
        add_field()
    assert store.check_store() == []


def test_an_interrupted_field_renaming_is_continued(server, store):
    from tests.library.models import Book

    books(1_200)
    old = Book._meta.get_field("pages")
    new = IntegerField()
    new.set_attributes_from_name("sheets")
    new.model = Book

    def rename_field():
        with store.schema_editor() as editor:
            editor.alter_field(Book, old, new)

    before = [
        json.loads(each.object.content[0].value)
        for each in store.db_connection.fold(store.bucket("library_book"), 500)
    ]
    break_off(server, rename_field, 700)
    rename_field()
    values = []
    for each in store.db_connection.fold(store.bucket("library_book"), 500):
        row = json.loads(each.object.content[0].value)
        assert "pages" not in row
        values.append(row["sheets"])
    assert sorted(values) == sorted(row["pages"] for row in before)


def test_removing_a_field_removes_its_claims(store):
    from tests.library.models import Counter

    counter("x")
    with store.schema_editor() as editor:
        editor.remove_field(Counter, Counter._meta.get_field("name"))
    for each in store.db_connection.fold(store.bucket("nonrel_unique"), 10):
        assert each.object.content[0].deleted
    assert store.check_store() == []


@pytest.fixture
def with_descending(open_database):
    """Return a function that makes 1,200 books with a descending index."""
    from django.db import models

    from tests.library.models import Book

    def made(column, **options):
        store = open_database(**options)
        create_tables(store)
        manager = books(1_200)
        some = list(manager.filter(pages__lt=1_000))
        for row in some:
            row.rating = (row.pages - 500) / 8
            row.published = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(row.pages)
        manager.bulk_update(some, ["rating", "published"])
        with store.schema_editor() as editor:
            index = models.Index(fields=[f"-{column}"], name="latest")
            editor.add_index(Book, index)
        return manager

    return made


@pytest.mark.parametrize("column", ["pages", "title", "rating", "published"])
def test_a_descending_index_serves_the_order(server, with_descending, column):
    manager = with_descending(column)
    rows = list(manager.all())
    known = [getattr(row, column) for row in rows]
    wanted = sorted((each for each in known if each is not None), reverse=True)
    last = manager.order_by(f"-{column}")
    found = sent(server, lambda: list(last[:10]))
    assert found == {"RpbIndexReq": 1, "RpbGetReq": 10}
    assert [getattr(row, column) for row in last[:10]] == wanted[:10]
    # NULLs come last, and a filter on the column leaves a part of the index.
    values = list(last[:1_200].values_list(column, flat=True))
    assert values == wanted + [None] * (1_200 - len(wanted))
    some = last.filter(**{f"{column}__lte": wanted[3], f"{column}__gt": wanted[-1]})
    assert sent(server, lambda: list(some[:10]))["RpbGetReq"] == 10
    assert [getattr(row, column) for row in some[:10]] == wanted[3:13]


def test_rows_of_one_value_are_ordered_by_the_next_column(server, with_descending):
    manager = with_descending("pages", local_rows=300)
    manager.filter(pages__gte=1_100).update(pages=2_000)
    last = manager.order_by("-pages", "title")[:105]
    found = [(row.pages, row.title) for row in last]
    assert found[:2] == [(2_000, "t1100"), (2_000, "t1101")]
    assert found[100:102] == [(1_099, "t1099"), (1_098, "t1098")]
    first = manager.order_by("pages", "-title")[:2]
    requests = sent(server, lambda: list(first))
    assert requests["RpbGetReq"] <= 6 and [row.pages for row in first] == [0, 1]


def test_explain_shows_the_descending_index(with_descending):
    manager = with_descending("pages")
    text = manager.order_by("-pages")[:3].explain(analyze=True)
    assert "index latest" in text
    assert "sorted" in manager.order_by("-rating")[:3].explain()


def test_indexes_on_lower_and_reverse_serve_lookups_of_text(server, store):
    from django.db import models
    from django.db.models.functions import Lower, Reverse

    from tests.library.models import Book

    manager = books(300)
    manager.filter(pages=7).update(title="ÉTÉ à Paris")
    with store.schema_editor() as editor:
        editor.add_index(Book, models.Index(Lower("title"), name="by_lower"))
        editor.add_index(Book, models.Index(Reverse("title"), name="by_reverse"))
    manager.filter(pages=8).update(title="été à PARIS")
    for lookup, value, count in [
        ("iexact", "été à paris", 2),
        ("istartswith", "Été", 2),
        ("endswith", "Paris", 1),
    ]:
        found = manager.filter(**{f"title__{lookup}": value})
        requests = sent(server, lambda found=found: list(found.all()))
        assert requests["RpbGetReq"] <= count + 2 and len(found) == count
        assert "RpbCSBucketReq" not in requests


# --- upkeep ---


def test_nonrel_check_finds_and_repairs_problems(store, monkeypatch):
    from nonrel_backend.kv import claims

    monkeypatch.setattr(claims, "GRACE", 0)
    row, other = counter("x"), counter("y")
    assert store.check_store() == []
    client, bucket = store.db_connection, store.bucket("library_counter")
    found = client.get(bucket, str(row.pk))
    found.content[0].indexes.pop()
    client.put(bucket, str(row.pk), found.content[0], vclock=found.vclock)
    unique = store.bucket("nonrel_unique")
    for key in client.keys(unique):
        if b"y" in json.loads(key)[2].encode():
            client.delete(unique, key)
            client.put(unique, key.replace(b"y", b"z"), content(b'{"key":"1"}'))
    problems = "\n".join(store.check_store(fix=True))
    assert f"{row.pk} does not have the index entries" in problems
    assert f"{other.pk} does not have the claim" in problems
    assert "belongs to no row" in problems
    assert store.check_store() == []


def test_entries_of_an_older_version_are_not_used_until_they_are_renewed(store):
    manager = books(30)
    bucket, table = store.bucket("library_book"), "library_book"
    key = str(manager.get(pages=7).pk)
    found = store.db_connection.get(bucket, key)
    del found.content[0].indexes[:]
    found.content[0].indexes.add(key=b"pages_int", value=b"7")
    store.db_connection.put(bucket, key, found.content[0], vclock=found.vclock)
    entry = store.catalog.copy(table)
    del entry["entries"]
    store.catalog.save(table, entry)
    assert manager.filter(pages=7).count() == 1 and manager.count() == 30
    assert "[index PRIMARY" in manager.filter(pages=7).explain()
    assert store.check_store() == [
        "library_book: the index entries are of an older version, and of no use"
    ]
    assert len(store.check_store(fix=True)) == 1 and store.check_store() == []
    assert "index library_book_pages" in manager.filter(pages=7).explain()
    assert manager.filter(pages=7).count() == 1


def test_a_row_with_several_entries_in_a_range_is_found_once(store):
    manager = books(20)
    bucket, key = store.bucket("library_book"), str(manager.get(pages=7).pk)
    found = store.db_connection.get(bucket, key)
    more = [each for each in found.content[0].indexes if b"pages" in each.key][0]
    found.content[0].indexes.add(key=more.key, value=more.value + b"x")
    store.db_connection.put(bucket, key, found.content[0], vclock=found.vclock)
    assert len(manager.filter(pages__gte=5, pages__lt=9)) == 4
    assert manager.filter(pages__in=[6, 7, 8]).count() == 3
    assert [row.pages for row in manager.order_by("pages")[6:9]] == [6, 7, 8]


def test_a_composite_index_and_its_order_are_one_index_query(server, store):
    from django.db import models

    from tests.library.models import Book

    manager = books(300)
    with store.schema_editor() as editor:
        index = models.Index(fields=["author", "-pages"], name="by_author")
        editor.add_index(Book, index)
    author_id = manager.first().author_id
    last = manager.filter(author=author_id, pages__lt=200).order_by("-pages")
    found = sent(server, lambda: list(last[:5]))
    assert found == {"RpbIndexReq": 1, "RpbGetReq": 5}
    assert [row.pages for row in last[:5]] == [199, 198, 197, 196, 195]
    assert "index by_author" in last[:5].explain()


def test_explain_shows_the_index_queries_and_their_cost(store):
    manager = books(30)
    text = manager.filter(pages__gte=20).explain(analyze=True)
    assert "[index library_book_pages" in text
    assert "10 entries and 10 rows read" in text


# --- no transactions ---


def test_atomic_does_nothing_and_a_system_check_warns(open_database):
    store = open_database()
    create_tables(store)
    with pytest.raises(ZeroDivisionError), transaction.atomic("own"):
        counter("kept")
        raise ZeroDivisionError
    assert counters().count() == 1
    assert "nonrel_backend.W001" not in warnings_of_checks()
    del store.settings_dict["OPTIONS"]["transactions"]
    assert "nonrel_backend.W001" in warnings_of_checks()


def warnings_of_checks() -> list:
    return [each.id for each in run_checks()]


def test_a_system_check_warns_that_unique_values_are_best_effort(open_database):
    open_database(unique="markers")
    known = warnings_of_checks().count("nonrel_backend.W002")
    open_database()
    assert warnings_of_checks().count("nonrel_backend.W002") == known + 1


def test_atomic_can_be_refused(open_database):
    create_tables(open_database())
    open_database(transactions="refuse")
    with pytest.raises(NotSupportedError, match="no transactions"):
        with transaction.atomic("own"):
            counter("x")
    assert counters().count() == 0


def test_a_removed_key_column_is_gone(store):
    from tests.library.models import Counter

    counter("kept")
    with store.schema_editor() as editor:
        editor.remove_field(Counter, Counter._meta.pk)
    columns = store.catalog.entry(Counter._meta.db_table)["columns"]
    assert "id" not in [column["name"] for column in columns]
