"""What the server is asked and what it reads for a query: commands, keys, documents."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.db.models import Exists, OuterRef
from pymongo.monitoring import CommandListener

AUTHORS, BOOKS = 50, 500


class Commands(CommandListener):
    """Notes the names of the commands that the driver sends."""

    def __init__(self):
        self.names = []

    def started(self, event):
        self.names.append(event.command_name)

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


@dataclass
class Read:
    """What the profiler says of one command."""

    collection: str
    index: str
    keys: int
    documents: int
    returned: int


class Server:
    """Runs queries, and says what the server did for the last one."""

    def __init__(self, commands):
        self.commands = commands

    def run(self, query):
        """The query's answer; `sent` and `reads` tell how it came about."""
        database = connection.database
        database.command("profile", 2)
        try:
            self.commands.names.clear()
            answer = query()
            self.sent = list(self.commands.names)
        finally:
            database.command("profile", 0)
        profile = database["system.profile"]
        # In the order of a capped collection: `ts` is equal within a millisecond.
        entries = list(profile.find({"ns": {"$regex": "library_"}}))
        profile.drop()
        self.reads = [
            Read(
                entry["ns"].partition(".")[2],
                entry["planSummary"],
                entry.get("keysExamined", 0),
                entry.get("docsExamined", 0),
                entry.get("nreturned", 0),
            )
            for entry in entries
        ]
        return answer

    def rows(self, queryset):
        return self.run(lambda: list(queryset.all()))

    @property
    def collections(self):
        return [read.collection for read in self.reads]


@pytest.fixture
def server(library, monkeypatch):
    """The server, with 50 authors, 500 books of theirs and 20 genres."""
    authors = [
        library.Author(pk=key, name=f"a{key}", email=f"{key}@x")
        for key in range(1, AUTHORS + 1)
    ]
    library.Author.objects.bulk_create(authors)
    books = [
        library.Book(
            pk=key,
            title=f"t{key}",
            author=authors[key % AUTHORS],
            pages=key,
            published=datetime(2000 + key % 25, 1 + key % 12, 1, tzinfo=UTC),
        )
        for key in range(1, BOOKS + 1)
    ]
    library.Book.objects.bulk_create(books)
    genres = [library.Genre(pk=key, name=f"g{key}") for key in range(1, 21)]
    library.Genre.objects.bulk_create(genres)
    through = library.Book.genres.through
    through.objects.bulk_create(
        through(book_id=book.pk, genre_id=1 + (book.pk + step) % 20)
        for book in books
        for step in (0, 7)
    )
    commands = Commands()
    monkeypatch.setitem(
        connection.settings_dict["OPTIONS"], "event_listeners", [commands]
    )
    connection.close()  # the next query connects with the listener
    connection.ensure_connection()
    yield Server(commands)
    connection.close()


def test_a_filter_across_a_foreign_key(library, server):
    books = library.Book.objects.filter(author__name="a7")
    assert len(server.rows(books)) == 10
    assert server.sent == ["distinct", "find"]
    assert server.reads == [
        Read("library_author", "IXSCAN { name: 1 }", 1, 1, 0),
        Read("library_book", "IXSCAN { author_id: 1 }", 10, 10, 10),
    ]
    plan = books.explain(analyze=True)
    assert "first: distinct values of db.library_author.find({'name'" in plan
    assert "10 keys and 10 documents examined, 10 returned" in plan


def test_first(library, server):
    for query, index in [
        (library.Book.objects.all(), "IXSCAN { _id: 1 }"),
        (library.Book.objects.order_by("pages"), "IXSCAN { pages: 1 }"),
        (library.Book.objects.filter(title="t9"), "IXSCAN { title: 1 }"),
    ]:
        assert server.run(query.first).pk in (1, 9)
        assert server.sent == ["find"]
        assert server.reads == [Read("library_book", index, 1, 1, 1)]
    assert server.run(library.Book.objects.last).pk == BOOKS
    assert server.reads == [Read("library_book", "IXSCAN { _id: 1 }", 1, 1, 1)]


def test_an_ordered_slice_on_an_indexed_field(library, server):
    books = library.Book.objects.order_by("-pages")
    assert [book.pages for book in server.rows(books[:5])] == [500, 499, 498, 497, 496]
    assert server.sent == ["find"]
    assert server.reads == [Read("library_book", "IXSCAN { pages: 1 }", 5, 5, 5)]
    plan = books[:5].explain(analyze=True)
    assert plan.startswith("native") and "index library_book_pages" in plan
    assert "5 keys and 5 documents examined, 5 returned" in plan


def test_a_year_lookup(library, server):
    books = library.Book.objects.filter(published__year=2007)
    assert len(server.rows(books)) == 20
    assert server.sent == ["find"]
    (read,) = server.reads
    assert read.index == "IXSCAN { published: 1, published__us: 1 }"
    # An index is done when it meets the first key past the range.
    assert (read.documents, read.returned) == (20, 20) and read.keys <= 21
    plan = books.explain(analyze=True)
    assert "index library_book_published" in plan and "20 documents examined" in plan


def test_a_get_by_unique_field(library, server):
    author = server.run(lambda: library.Author.objects.get(email="7@x"))
    assert author.pk == 7
    assert server.sent == ["find"]
    (read,) = server.reads
    assert read.index == "IXSCAN { email: 1 }"
    assert (read.keys, read.documents, read.returned) == (1, 1, 1)
    plan = library.Author.objects.filter(email="7@x").explain(analyze=True)
    assert "1 keys and 1 documents examined, 1 returned" in plan


def test_a_get_by_key(library, server):
    assert server.run(lambda: library.Book.objects.get(pk=7)).pages == 7
    assert server.sent == ["find"]
    assert server.reads == [Read("library_book", "IDHACK", 1, 1, 1)]


def test_in_subquery(library, server):
    authors = library.Author.objects.filter(name__in=["a7", "a8"])
    books = library.Book.objects.filter(author__in=authors)
    assert len(server.rows(books)) == 20
    assert server.sent == ["find", "find"]
    assert server.collections == ["library_author", "library_book"]
    first, second = server.reads
    assert first.index == "IXSCAN { name: 1 }"
    assert (first.documents, first.returned) == (2, 2)
    assert second.index == "IXSCAN { author_id: 1 }"
    assert (second.documents, second.returned) == (20, 20)
    plan = books.explain(analyze=True)
    assert "native" in plan and "index library_book_author_id" in plan


def test_a_slice_with_select_related(library, server):
    books = library.Book.objects.select_related("author").order_by("pk")[:50]
    assert {book.author.name for book in server.rows(books)} == {
        f"a{key}" for key in range(1, AUTHORS + 1)
    }
    assert server.sent == ["find", "find"]
    base, related = server.reads
    assert base == Read("library_book", "IXSCAN { _id: 1 }", 50, 50, 50)
    assert related.collection == "library_author"
    assert related.index == "IXSCAN { _id: 1 }"
    assert (related.documents, related.returned) == (50, 50)
    assert "then: library_author by id IN (keys of " in books.explain()


def test_a_slice_with_select_related_asks_for_each_key_once(library, server):
    books = library.Book.objects.select_related("author").filter(author__lte=2)
    assert len(server.rows(books.order_by("pk")[:50])) == 20
    assert [(read.documents, read.returned) for read in server.reads] == [
        (20, 20),
        (2, 2),
    ]


def test_prefetch_related_of_a_reverse_key(library, server):
    authors = library.Author.objects.prefetch_related("books").order_by("pk")[:5]
    assert sum(len(author.books.all()) for author in server.rows(authors)) == 50
    assert server.sent == ["find", "find"]
    base, related = server.reads
    assert base == Read("library_author", "IXSCAN { _id: 1 }", 5, 5, 5)
    assert (related.collection, related.index) == (
        "library_book",
        "IXSCAN { author_id: 1 }",
    )
    assert (related.documents, related.returned) == (50, 50)


def test_prefetch_related_of_a_many_to_many(library, server):
    books = library.Book.objects.prefetch_related("genres").order_by("pk")[:5]
    names = [genre.name for book in server.rows(books) for genre in book.genres.all()]
    assert len(names) == 10
    assert server.sent == ["find", "find", "find"]
    base, join, related = server.reads
    assert base == Read("library_book", "IXSCAN { _id: 1 }", 5, 5, 5)
    assert join.collection == "library_book_genres"
    assert join.index == "IXSCAN { book_id: 1, genre_id: 1 }"
    # The index has all that is asked for, and is done at the key past the last.
    assert (join.keys, join.documents, join.returned) == (11, 0, 10)
    assert related.collection == "library_genre"
    assert related.documents == related.returned == len(set(names))


def test_a_filter_across_a_many_to_many(library, server):
    books = library.Book.objects.filter(genres__name="g3").order_by("pk")
    assert len(server.rows(books)) == 50
    assert server.collections == [
        "library_genre",
        "library_book_genres",
        "library_book",
    ]
    assert [read.documents for read in server.reads] == [1, 50, 50]
    assert all(read.index.startswith("IXSCAN") for read in server.reads)


def test_exists_and_count_by_index(library, server):
    books = library.Book.objects.filter(author=7)
    assert server.run(books.exists)
    (read,) = server.reads
    assert read.keys == 1 and read.documents <= 1
    assert server.run(books.count) == 10
    (read,) = server.reads
    assert "SCAN { author_id: 1 }" in read.index and read.documents == 0


def test_a_correlated_subquery_reads_by_the_keys_of_the_join(library, server):
    edited = library.Book.objects.filter(author=OuterRef("pk"))
    authors = library.Author.objects.filter(Exists(edited), name="a7")
    assert [author.pk for author in server.rows(authors)] == [7]
    assert {read.collection: read.keys for read in server.reads} == {
        "library_author": 1,
        "library_book": 10,
    }


def test_exists_reads_outside_only_what_it_finds_inside(library, server):
    books = library.Book.objects.filter(author=OuterRef("pk"), pages=7)
    authors = library.Author.objects.filter(Exists(books))
    assert [author.pk for author in server.rows(authors)] == [8]
    assert [(read.collection, read.documents) for read in server.reads] == [
        ("library_book", 1),
        ("library_author", 1),
    ]
    without = library.Author.objects.filter(~Exists(books))
    assert len(server.rows(without)) == AUTHORS - 1


def test_a_date_range_and_a_prefix_by_index(library, server):
    start = date(2007, 1, 1)
    for query in (
        library.Book.objects.filter(published__date__lt=start),
        library.Book.objects.filter(title__startswith="t49"),
        library.Book.objects.filter(pages__range=(10, 20)),
        library.Book.objects.filter(pages__in=[5, 6, 700]),
    ):
        rows = server.rows(query)
        (read,) = server.reads
        assert read.index.startswith("IXSCAN")
        assert len(rows) == read.documents == read.returned
