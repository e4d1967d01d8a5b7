"""What is larger or deeper than MongoDB's documents and commands."""

from contextlib import suppress

import pytest
from django.db import (
    DataError,
    IntegrityError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import Count, Value, Window
from django.db.models.functions import Coalesce, RowNumber

from nonrel_backend.mongodb import query
from nonrel_backend.mongodb.long_lists import batches_of, size_of
from nonrel_backend.query import translated_errors

# 20 MB of texts: more than one command.
LONG = 200
NAMES = [f"{number:06} {'x' * (LONG - 7)}" for number in range(100_000)]

SAME = Coalesce("name", Value("a"))
NUMBER = Window(RowNumber(), order_by="name")
DEEP = r"library\.Book\.notes: .*nested too deeply"


def nested(levels, kind=list):
    value = 1
    for _ in range(levels):
        value = [value] if kind is list else {"a": value}
    return value


@pytest.fixture
def tags(library):
    """Return the manager of a table that holds some of the NAMES."""
    names = [*NAMES[::10_000], NAMES[-1], "other"]
    library.Tag.objects.bulk_create(library.Tag(name=name) for name in names)
    return library.Tag.objects


def test_in_with_100_000_long_texts_finds_each_row_once(tags):
    found = tags.filter(name__in=NAMES)
    assert {tag.name for tag in found} == {*NAMES[::10_000], NAMES[-1]}
    assert len(found) == 11
    assert "commands" in found.explain()


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda found: found.count(), 11),
        (lambda found: found.exists(), True),
        (lambda found: len(found[2:5]), 3),
        (lambda found: found.order_by("-name")[0].name, NAMES[-1]),
        (lambda found: found.order_by(SAME.desc())[0].name, NAMES[-1]),
        (lambda found: found.annotate(n=NUMBER).get(n=1).name, NAMES[0]),
        (lambda found: found.aggregate(n=Count("name"))["n"], 11),
        (lambda found: len(found.values_list("name").distinct()), 11),
    ],
    ids=["count", "exists", "slice", "ordered", "computed", "numbered"]
    + ["aggregate", "distinct"],
)
def test_what_is_asked_of_so_many_texts_is_right(tags, ask, expected):
    assert ask(tags.filter(name__in=NAMES)) == expected


def test_exclude_with_100_000_long_texts_is_finished_locally(tags):
    assert [tag.name for tag in tags.exclude(name__in=NAMES)] == ["other"]


def test_in_bulk_takes_100_000_long_texts(tags):
    assert len(tags.in_bulk(NAMES)) == 11


def test_rows_found_by_many_texts_are_updated_and_deleted(library):
    authors = library.Author.objects
    authors.bulk_create(
        library.Author(name=name) for name in [*NAMES[::50_000], "other"]
    )
    assert authors.filter(name__in=NAMES).update(name="new") == 2
    assert authors.filter(name="new").count() == 2
    authors.filter(name="new").update(name=NAMES[0])
    deleted, _ = authors.filter(name__in=NAMES).delete()
    assert deleted == 2
    assert authors.get().name == "other"


def long_keys(number):
    return [f"{each} {'k' * 18_000}" for each in range(number)]


def test_duplicates_of_long_keys_are_looked_for_in_several_commands(library):
    tags = library.Tag.objects
    with transaction.atomic():
        tags.create(name="first")
        # The filter of 1,000 rows would be of 18 MB. None is written: so large a
        # transaction is for a server with a large cache.
        with pytest.raises(IntegrityError, match="first"), transaction.atomic():
            tags.bulk_create(
                library.Tag(name=name) for name in [*long_keys(1_000), "first"]
            )
    assert tags.get().name == "first"


def test_rows_with_long_keys_are_deleted_in_several_commands(library, commands):
    names = long_keys(200)
    tags = library.Tag.objects
    rows = [library.Tag(name=name) for name in names]
    with transaction.atomic():
        tags.create(name="first")
        with suppress(ZeroDivisionError), transaction.atomic():
            tags.bulk_create(rows)
            raise ZeroDivisionError
        assert tags.get().name == "first"
        tags.bulk_create(rows)
    commands.clear()
    assert tags.filter(name__in=names).delete()[0] == 200
    assert commands.count("delete") == 2
    assert tags.get().name == "first"


def test_values_are_divided_by_their_bytes():
    assert list(batches_of([])) == []
    assert list(batches_of(["ab"] * 3, most=2 * size_of("ab"))) == [["ab"] * 2, ["ab"]]
    assert list(batches_of([1] * 5, length=2)) == [[1, 1], [1, 1], [1]]
    assert list(batches_of(["a" * 99], most=1)) == [["a" * 99]]


@pytest.mark.parametrize("levels", [180, 300, 900])
@pytest.mark.parametrize("kind", [list, dict])
def test_json_that_is_too_deep_is_a_data_error_that_names_the_field(
    library, levels, kind
):
    author = library.Author.objects.create(name="a")
    with pytest.raises(DataError, match=DEEP):
        library.Book.objects.create(
            title="t", author=author, pages=1, notes=nested(levels, kind)
        )


def test_json_that_is_too_deep_leaves_its_block_alive(library):
    author = library.Author.objects.create(name="a")
    book = library.Book.objects.create(
        title="t", author=author, pages=1, notes=nested(179)
    )
    with transaction.atomic():
        book.notes = nested(180)
        with pytest.raises(DataError, match=DEEP), transaction.atomic():
            book.save()
        with pytest.raises(DataError, match=DEEP), transaction.atomic():
            library.Book.objects.update(notes=nested(180))
        library.Book.objects.update(title="u")
    book.refresh_from_db()
    assert (book.title, book.notes) == ("u", nested(179))


def test_documents_that_are_too_deep_name_their_field(databases):
    from nonrel_backend.testing.documents.models import City

    field = City._meta.get_field("attributes")
    with pytest.raises(DataError, match=r"City\.attributes"):
        City(**{field.name: {"a": nested(180)}}).save()


def test_an_iterator_used_after_its_block_tells_what_to_do(library, monkeypatch):
    library.Tag.objects.bulk_create(library.Tag(name=str(n)) for n in range(10))
    for name in ("CHUNK", "BATCH_SIZE"):
        monkeypatch.setattr(query, name, 2)
    with transaction.atomic():
        rows = library.Tag.objects.iterator(chunk_size=2)
        next(rows)
    with pytest.raises(OperationalError, match="within the block"):
        list(rows)
    with transaction.atomic():
        # Nor does it disturb another block.
        rows = library.Tag.objects.iterator(chunk_size=2)
        assert len(list(rows)) == 10
    assert connection.is_usable()


def test_the_servers_word_of_a_block_that_has_ended_tells_it_too(library):
    with pytest.raises(OperationalError, match="within the block"):
        with translated_errors(connection):
            session = connection.connection.start_session()
            rows = connection.database["library_tag"]
            rows.insert_many([{"_id": str(number)} for number in range(5)])
            with session.start_transaction():
                found = rows.find(batch_size=2, session=session)
                next(found)
            list(found)
