"""The ORM on a real MongoDB: writes, transactions, threads, hostile values."""

from uuid import UUID

import pytest
from django.db import (
    DataError,
    IntegrityError,
    ProgrammingError,
    connection,
    transaction,
)
from django.db import models as django_models
from django.db.models import Case, F, TextField, Value, When
from django.db.models.functions import Concat, Length, Lower
from django.test.utils import CaptureQueriesContext

from nonrel_backend.testing.conformance.threads import together

JSON_NULL = Value(None, django_models.JSONField())


def test_documents_are_what_a_mongodb_user_would_write(library):
    author = library.Author.objects.create(name="Ann")
    (document,) = connection.database["library_author"].find()
    assert document == {"_id": author.pk, "name": "Ann"}


def test_json_null_is_not_sql_null(library):
    author = library.Author.objects.create(name="Ann")
    null = library.Book.objects.create(
        title="null",
        author=author,
        pages=1,
        notes=JSON_NULL,
    )
    library.Book.objects.create(title="none", author=author, pages=1)
    assert library.Book.objects.get(notes__isnull=False) == null
    assert library.Book.objects.get(notes=JSON_NULL) == null


def test_a_computed_json_null_is_not_sql_null(library):
    author = library.Author.objects.create(name="Ann")
    books = library.Book.objects
    books.create(title="null", author=author, pages=1, notes=JSON_NULL)
    books.create(title="none", author=author, pages=2)
    kept = Case(When(pages__gt=0, then=F("notes")))
    assert books.update(notes=kept) == 2
    assert books.get(notes__isnull=False).title == "null"


def test_a_json_column_takes_the_text_that_is_computed(library):
    author = library.Author.objects.create(name="Ann")
    books = library.Book.objects
    books.create(title="t", author=author, pages=1)
    books.update(notes=Concat(Value('{"$gt": '), Value("1}"), output_field=TextField()))
    assert books.get().notes == {"$gt": 1}
    with pytest.raises(IntegrityError, match="not JSON"):
        books.update(notes=Lower("title"))
    assert books.get().notes == {"$gt": 1}


def test_the_log_holds_the_ends_of_a_transaction(library):
    with CaptureQueriesContext(connection) as queries:
        with transaction.atomic():
            library.Author.objects.create(name="a")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            1 / 0  # noqa: B018
    words = [query["sql"].split()[0] for query in queries]
    assert words == ["BEGIN", "INSERT", "COMMIT", "BEGIN", "ROLLBACK"]


def test_the_log_holds_changes_of_the_schema(library):
    class Passing(django_models.Model):
        class Meta:
            app_label = "library"
            managed = False

    with CaptureQueriesContext(connection) as queries:
        with connection.schema_editor() as editor:
            editor.create_model(Passing)
            editor.delete_model(Passing)
    assert any("createCollection" in query["sql"] for query in queries)


def test_a_closed_cursor_answers_no_more(library):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with pytest.raises(ProgrammingError, match="closed"):
        cursor.fetchone()
    with pytest.raises(ProgrammingError, match="closed"):
        cursor.execute("SELECT 1")


def test_null_is_allowed_twice_in_a_unique_column(library):
    library.Author.objects.create(name="a", email=None)
    library.Author.objects.create(name="b", email=None)
    library.Author.objects.create(name="c", email="x")
    with pytest.raises(IntegrityError):
        library.Author.objects.create(name="d", email="x")


def test_a_duplicate_in_a_block_leaves_the_block_alive(library):
    with transaction.atomic():
        library.Author.objects.create(name="a", email="x")
        with pytest.raises(IntegrityError), transaction.atomic():
            library.Author.objects.create(name="b", email="x")
        library.Author.objects.create(name="c", email="y")
    assert library.Author.objects.count() == 2


def test_a_savepoint_takes_back_every_kind_of_write(library):
    kept = library.Author.objects.create(name="kept")
    gone = library.Author.objects.create(name="gone")
    with transaction.atomic():
        sid = transaction.savepoint()
        library.Author.objects.filter(pk=kept.pk).update(name="changed")
        gone.delete()
        library.Author.objects.create(name="new")
        transaction.savepoint_rollback(sid)
    names = library.Author.objects.order_by("name").values_list("name", flat=True)
    assert list(names) == ["gone", "kept"]


def test_nothing_of_a_failed_block_is_seen(library):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        library.Author.objects.create(name="a")
        1 / 0  # noqa: B018
    assert not library.Author.objects.exists()


def test_a_bulk_insert_is_all_or_nothing(library):
    rows = [library.Author(name=str(n), email=str(n % 5)) for n in range(10)]
    with pytest.raises(IntegrityError):
        library.Author.objects.bulk_create(rows)
    assert library.Author.objects.count() == 0


def test_an_explicit_key_moves_the_sequence(library):
    library.Author.objects.create(pk=500, name="a")
    assert library.Author.objects.create(name="b").pk > 500


def test_check_constraints_are_checked_on_write(library):
    author = library.Author.objects.create(name="a")
    book = library.Book.objects.create(title="t", author=author, pages=1)
    with pytest.raises(IntegrityError):
        library.Book.objects.create(title="t", author=author, pages=-2000)
    with pytest.raises(IntegrityError):
        library.Book.objects.filter(pk=book.pk).update(pages=F("pages") - 5000)
    assert library.Book.objects.get().pages == 1


def test_a_missing_collection_is_an_error(library):
    class Missing(django_models.Model):
        class Meta:
            app_label = "library"
            managed = False

    with pytest.raises(ProgrammingError, match="no such table"):
        list(Missing.objects.all())
    with pytest.raises(ProgrammingError, match="no such table"):
        Missing.objects.create()


def test_an_update_by_a_subquery_sets_what_it_selects(library):
    author = library.Author.objects.create(name="a")
    library.Book.objects.create(title="t", author=author, pages=1)
    names = library.Author.objects.filter(pk=django_models.OuterRef("author_id"))
    assert (
        library.Book.objects.update(
            title=django_models.Subquery(names.values("name")[:1])
        )
        == 1
    )
    assert library.Book.objects.get().title == "a"


def test_an_insert_stores_what_its_expressions_are(library):
    author = library.Author.objects.create(name=Lower(Value("ANN")))
    title = Concat(Value("a"), Value("b"))
    book = library.Book(title=title, author=author, pages=Value(2) + 1, notes={})
    library.Book.objects.bulk_create([book])
    found = library.Book.objects.values_list("title", "author__name", "pages", "notes")
    assert found.get() == ("ab", "ann", 3, {})


def test_a_parents_column_is_filtered_by_a_subquery(library):
    author = library.Author.objects.create(name="a")
    for pages in (1, 2, 3):
        library.Novel.objects.create(title=f"t{pages}", author=author, pages=pages)
    few = library.Book.objects.filter(pages__lt=3).values("pages")
    novels = library.Novel.objects.filter(pages__in=few).order_by("pages")
    assert [(each.pages, each.title) for each in novels] == [(1, "t1"), (2, "t2")]


@pytest.mark.parametrize("value", ["$ne", "a.b", "{'$gt': ''}", "$where", "^.*$"])
def test_text_that_looks_like_an_operator_is_data(library, value):
    library.Author.objects.create(name=value)
    library.Author.objects.create(name="other")
    for lookup in (
        "exact",
        "iexact",
        "contains",
        "startswith",
        "endswith",
        "icontains",
    ):
        assert library.Author.objects.filter(**{f"name__{lookup}": value}).count() == 1


def test_a_dictionary_is_never_an_operator(library):
    author = library.Author.objects.create(name="a")
    book = library.Book.objects.create(
        title="t", author=author, pages=1, notes={"$ne": 1, "a.b": {"$gt": 2}}
    )
    book.refresh_from_db()
    assert book.notes == {"$ne": 1, "a.b": {"$gt": 2}}
    assert library.Book.objects.filter(notes={"$ne": 5}).count() == 0
    assert library.Book.objects.filter(notes__k={"$exists": False}).count() == 0
    assert library.Author.objects.filter(name={"$ne": ""}).count() == 0


def test_a_lone_surrogate_is_a_data_error(library):
    with pytest.raises(DataError):
        library.Author.objects.create(name="\ud800")
    assert not library.Author.objects.exists()


def test_a_number_over_64_bits_is_a_data_error(library):
    author = library.Author.objects.create(name="a")
    with pytest.raises(DataError):
        library.Book.objects.create(title="t", author=author, pages=2**64)
    assert not library.Book.objects.exists()


def test_sixteen_threads_lose_no_increment(library):
    library.Counter.objects.create(name="c")

    def work():
        for _ in range(10):
            library.Counter.objects.filter(name="c").update(value=F("value") + 1)

    assert together(work, 16, "default") == []
    assert library.Counter.objects.get().value == 160


def test_sixteen_threads_lose_no_update_that_is_computed_here(library):
    library.Counter.objects.create(name="c")
    longer = F("value") + Length("name")

    def work():
        for _ in range(3):
            library.Counter.objects.filter(name="c").update(value=longer)

    assert together(work, 16, "default") == []
    assert library.Counter.objects.get().value == 48


def test_sixteen_threads_make_one_row(library):
    def work():
        library.Counter.objects.get_or_create(name="one")

    assert together(work, 16, "default") == []
    assert library.Counter.objects.count() == 1


def test_sixteen_threads_take_turns_at_a_locked_row(library):
    library.Counter.objects.create(name="c")

    def work():
        with transaction.atomic():
            counter = library.Counter.objects.select_for_update().get(name="c")
            counter.value += 1
            counter.save()

    assert together(work, 16, "default") == []
    assert library.Counter.objects.get().value == 16


def test_integers_of_64_bits_are_plain_ints(library):
    library.Copy.objects.create(token=UUID(int=1), worth=2**40)
    assert type(library.Copy.objects.get().worth) is int


def test_foreign_keys_are_checked_where_nothing_was_migrated(library):
    library.Book.objects.create(title="t", author_id=999, pages=1)
    entries = list(connection.database.nonrel_schema.find())
    connection.database.nonrel_schema.delete_many({})
    try:
        with pytest.raises(IntegrityError):
            connection.check_constraints()
    finally:
        connection.database.nonrel_schema.insert_many(entries)


def test_foreign_keys_that_are_right_are_found_in_one_command(library, commands):
    author = library.Author.objects.create(name="a", email="a@x")
    library.Book.objects.create(title="t", author=author, pages=1)
    assert connection.server_version  # which is asked for once
    del commands[:]
    connection.check_constraints()
    assert commands == ["aggregate"]
