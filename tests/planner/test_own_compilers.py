"""Compilers of a project's own, which write a WITH before what Django writes."""

from types import SimpleNamespace

import pytest
from django.db import connection, connections
from django.db.models import BooleanField, Count, Exists, F, IntegerField, OuterRef
from django.db.models.expressions import RawSQL
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable

from nonrel_backend.planner.table_refs import tables_of_text


class WithCompiler:
    """Writes the common table expression `long_books`, of the books over 15 pages."""

    def as_sql(self, *args, **kwargs):
        sql, params = super().as_sql(*args, **kwargs)
        text = "SELECT id, author_id FROM library_book WHERE pages > %s"
        return f"WITH long_books AS ({text}) {sql}", (15, *params)


def mixed(thing, mixin):
    kind = type(thing)
    if not issubclass(kind, mixin):
        thing.__class__ = type(f"Own{kind.__name__}", (mixin, kind), {})
    return thing


class WithQuery:
    """A mixin of Query, kept by its copies, whose compiler is a WithCompiler."""

    def get_compiler(self, *args, **kwargs):
        return mixed(super().get_compiler(*args, **kwargs), WithCompiler)

    def chain(self, klass=None):
        return mixed(super().chain(klass), WithQuery)


def own(queryset):
    mixed(queryset.query, WithQuery)
    return queryset


LONG = RawSQL("id IN (SELECT id FROM long_books)", [], BooleanField())
COUNT = RawSQL("(SELECT COUNT(*) FROM long_books)", [])
# What a statement with such a compiler answers.
ANSWERS = {
    "filter": lambda m: own(m.Book.objects.filter(LONG)).values_list("pages"),
    "one table": lambda m: own(m.Book.objects.filter(pages__lt=12, pk=1)),
    "table": lambda m: own(m.Book.objects.filter(pages__lt=12)).values_list(
        "pages", COUNT
    ),
    "count": lambda m: [own(m.Book.objects.filter(LONG)).count()],
    "groups": lambda m: own(
        m.Book.objects.filter(LONG).values("author").annotate(n=Count("pk"))
    ).values_list("author", "n"),
    "subquery": lambda m: m.Author.objects.filter(
        pk__in=own(m.Book.objects.filter(LONG)).values("author")
    ).values_list("name"),
    "a table's own subquery": lambda m: m.Book.objects.filter(
        pk__in=own(m.Book.objects.filter(LONG)).values("pk"), pages__gt=17
    ).values_list("pages"),
    "exists": lambda m: m.Author.objects.filter(
        Exists(own(m.Book.objects.filter(LONG, author=OuterRef("pk"))))
    ).values_list("name"),
    "update": lambda m: [
        # sqlite3 does not count the rows of a statement that begins with WITH.
        own(m.Book.objects.filter(LONG)).update(pages=F("pages") + 100) and None,
        m.Book.objects.filter(pages__gt=100).count(),
    ],
    "update by a subquery": lambda m: [
        m.Author.objects.filter(
            pk__in=own(m.Book.objects.filter(LONG)).values("author")
        ).update(name="long"),
    ],
}


@pytest.fixture
def books(library):
    for alias in ("default", "oracle"):
        authors = [library.Author(id=n, name=f"a{n}") for n in range(1, 4)]
        library.Author.objects.using(alias).bulk_create(authors)
        library.Book.objects.using(alias).bulk_create(
            library.Book(id=n, title=str(n), pages=n, author_id=n % 2 + 1)
            for n in range(1, 21)
        )
    return library


def answer(work, models, monkeypatch, alias):
    for model in (models.Book, models.Author):
        monkeypatch.setattr(model.objects, "_db", alias)
    return sorted(map(repr, work(models)))


@pytest.mark.parametrize("name", ANSWERS)
def test_the_statement_is_compiled_by_its_own_compiler(books, monkeypatch, name):
    found = answer(ANSWERS[name], books, monkeypatch, "default")
    assert found == answer(ANSWERS[name], books, monkeypatch, "oracle")
    assert found


def test_a_table_of_the_text_alone_is_the_base(books):
    for alias in ("default", "oracle"):
        query = mixed(Query(books.Book), WithQuery)
        query.join(BaseTable("long_books", None))
        query.add_annotation(RawSQL("long_books.id", []), "number")
        query.set_values(["number"])
        rows = query.get_compiler(alias).execute_sql()
        assert sorted(row[0] for chunk in rows for row in chunk) == [16, 17, 18, 19, 20]
    assert connection.vendor != connections["oracle"].vendor


ALL = "(SELECT COUNT(*) FROM library_book)"


@pytest.mark.parametrize(
    "work",
    [
        lambda rows: rows.annotate(n=RawSQL(ALL, [])),
        lambda rows: rows.annotate(n=RawSQL(ALL, [], IntegerField()) + 0).filter(n=20),
        lambda rows: rows.extra(select={"n": ALL}),
        lambda rows: rows.extra(select={"n": ALL}, where=[f"{ALL} = 20"]),
        lambda rows: rows.order_by(RawSQL(ALL, [])).annotate(n=RawSQL(ALL, [])),
    ],
)
def test_a_text_that_names_the_filtered_table_reads_all_of_it(books, work):
    found = work(books.Book.objects.filter(pages__gt=18)).values_list("pages", "n")
    assert sorted(found) == [(19, 20), (20, 20)]
    assert "pages" in books.Book.objects.filter(pages=1).extra(where=["1"]).explain()


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ('SELECT "a"."x", ("a"."y") FROM "a" WHERE "a"."x" = 1', set()),
        ('SELECT a.x FROM "a" WHERE a.y IN (SELECT "b"."x" FROM "b")', set()),
        ('SELECT "a"."x", (SELECT COUNT(*) FROM a) FROM "a"', {"a"}),
        ('SELECT "a"."x", (SELECT COUNT(*) FROM "A") FROM "a"', {"a"}),
        ('SELECT "ab"."x", "x"."a" FROM "a" JOIN "ab" ON 1', set()),
    ],
)
def test_the_tables_that_a_text_names_again(sql, found):
    refs = [SimpleNamespace(table=table) for table in ("a", "b", "ab")]
    assert tables_of_text(sql, refs) == found
