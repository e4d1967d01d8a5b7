"""Each rule alone: what it takes, what it refuses and why, and what explain() tells."""

import gc
import re
from functools import partial

import pytest
from django.core.exceptions import EmptyResultSet
from django.db import NotSupportedError, connection, transaction
from django.db.models import Avg, Count, F, Q, Sum, Window
from django.db.models.functions import RowNumber

from nonrel_backend.compiler import converters_of
from nonrel_backend.planner.choose import RULES, choose
from nonrel_backend.planner.refusal import OtherShape, Refused
from nonrel_backend.query import PREFILTER, Pushdown, ask

ONE = dict(RULES)


@pytest.fixture
def books(library):
    authors = library.Author.objects.bulk_create(
        library.Author(name=f"a{n}", email=f"{n}@x") for n in range(4)
    )
    authors = list(library.Author.objects.order_by("name"))
    library.Book.objects.bulk_create(
        library.Book(title=f"t{n:02}", author=authors[n % 3], pages=n)
        for n in range(12)
    )
    return library.Book.objects


def compiler_of(queryset):
    return queryset.query.get_compiler(connection=connection)


def planned(queryset, *names):
    """The plan by these rules alone, in their order."""
    compiler = compiler_of(queryset)
    return compiler, choose(compiler, [(name, ONE[name]) for name in names])


def rule_of(queryset):
    return compiler_of(queryset).plan()[0]


def answer(queryset, name):
    """The rows by one rule alone, as a set of tuples of Python values."""
    compiler, plan = planned(queryset, name)
    found = compiler.python_results(plan, partial(converters_of, plan))
    return [tuple(row) for row in found]


def statements(books):
    """A statement for each native rule."""
    authors = books.model._meta.get_field("author").related_model.objects
    return {
        "one_table": books.filter(pages=3),
        "count": books.filter(pages__gte=0).order_by(),
        "rows": books.filter(author__name="a1").order_by("pages").values("pages"),
        "groups": books.order_by("author_id").values("author_id").annotate(Count("pk")),
        "related_groups": authors.order_by("pk").annotate(n=Count("books")),
    }


@pytest.mark.parametrize("name", ["one_table", "rows", "groups", "related_groups"])
def test_a_native_rule_answers_as_the_local_one_does(books, name):
    queryset = statements(books)[name]
    try:
        found = answer(queryset, name)
    except Refused as refused:
        assert not isinstance(refused, OtherShape)
        assert refused.reason.startswith(connection.display_name)
        return
    assert found
    assert sorted(found) == sorted(answer(queryset, "local"))


def test_computed_values_alone_are_not_taken_for_a_key(books):
    found = books.filter(pages__gt=9).values_list(F("pages") + F("pages"))
    assert sorted(found) == [(20,), (22,)]


def test_a_streamed_statement_answers_as_a_local_one(books):
    queryset = books.annotate(double=F("pages") * 2).filter(double__gt=9)
    found = answer(queryset, "streamed")
    assert len(found) == 7 and sorted(found) == sorted(answer(queryset, "local"))


@pytest.mark.parametrize(
    ("name", "of_other_shape"),
    [
        ("one_table", "rows"),
        ("count", "one_table"),
        ("rows", "groups"),
        ("groups", "rows"),
        ("related_groups", "rows"),
        ("streamed", "related_groups"),
    ],
)
def test_a_rule_says_that_a_statement_has_another_shape(books, name, of_other_shape):
    with pytest.raises(OtherShape):
        planned(statements(books)[of_other_shape], name)


def test_the_first_rule_that_does_not_refuse_is_taken(books):
    assert rule_of(books.filter(pages=3)).rule == "one_table"
    assert rule_of(books.order_by(F("pages") % 3)).rule == "local"


@pytest.mark.parametrize(
    ("queryset", "reason"),
    [
        (
            lambda books: books.values("notes").distinct(),
            "the statement is DISTINCT",
        ),
        (
            lambda books: books.filter(pages=1).union(books.filter(pages=2)),
            "the statement is a union",
        ),
        (
            lambda books: books.filter(title=F("author__name")),
            "is on columns of several tables",
        ),
        (lambda books: books.order_by(F("pages") % 3), "the order is by 'pages' %% 3"),
        (lambda books: books.order_by(F("pages").asc(nulls_last=True)), "NULLs"),
    ],
)
def test_explain_tells_why_a_statement_is_finished_locally(books, queryset, reason):
    first, *_, last = queryset(books).explain().splitlines()
    assert first.startswith("local") and ", because " in first
    assert reason in first and reason in last and last.startswith("rule: ")


def test_explain_tells_what_the_store_refused(books, monkeypatch):
    query_class = connection.ops.query_class

    def refuse(self, condition):
        raise NotSupportedError(self.refusal("filter today"))

    monkeypatch.setattr(query_class, "add_filters", refuse)
    plan = books.filter(pages=3).explain()
    reason = f"because {connection.display_name} does not filter today"
    assert reason in plan.splitlines()[0]


def test_a_filter_that_is_not_exact_is_applied_again(books, monkeypatch):
    query_class = connection.ops.query_class
    monkeypatch.setattr(query_class, "add_filters", lambda self, condition: PREFILTER)
    assert [book.pages for book in books.filter(pages=3)] == [3]
    assert "does not filter exactly by pages exact 3" in (
        books.filter(pages=3).explain()
    )


def test_the_convention_of_authors_is_an_answer():
    def refuse():
        raise NotSupportedError("no")

    assert ask(lambda: None).pushdown is Pushdown.EXACT
    assert ask(lambda: PREFILTER).pushdown is Pushdown.INEXACT
    assert ask(refuse).pushdown is Pushdown.UNSUPPORTED
    assert ask(refuse).reason == "no"


def explained(books):
    """Statements of all kinds, each of which some rule plans."""
    numbered = books.annotate(row=Window(RowNumber(), order_by="pages"))
    authors = books.model._meta.get_field("author").related_model.objects
    yield from statements(books).values()
    yield books.filter(author__in=authors.filter(name="a1")).order_by("pages")
    yield authors.annotate(n=Count("books")).order_by("-n")[:2]
    yield books.select_related("author")
    yield books.annotate(double=F("pages") * 2).filter(double__gt=9)
    yield books.values("author__name").annotate(Avg("pages"))
    yield numbered.filter(Q(row__lt=3) | Q(pages=5))


def test_explain_runs_nothing(books, monkeypatch):
    query_class = connection.ops.query_class
    querysets = list(explained(books))

    def forbid(name):
        method = getattr(query_class, name)

        def forbidden(self, *args, **kwargs):
            if self.table.startswith("library_"):
                pytest.fail("explain() ran a scan")
            return method(self, *args, **kwargs)  # of the catalog: now and then

        monkeypatch.setattr(query_class, name, forbidden)

    for name in (
        "fetch",
        "fetch_lists",
        "fetch_converted",
        "count",
        "groups",
        "version",
        "lock",
    ):
        forbid(name)
    for queryset in querysets:
        assert "rule: " in queryset.explain()


def test_explain_takes_no_locks(books, monkeypatch):
    def forbidden(self):
        pytest.fail("explain() took a lock")

    monkeypatch.setattr(connection.ops.query_class, "lock", forbidden)
    with transaction.atomic():
        for queryset in (books.filter(pages=3), books.annotate(d=F("pages") * 2)):
            for analyze in (False, True):
                assert queryset.select_for_update().explain(analyze=analyze)


def test_explain_tells_about_how_many_rows_a_scan_has(books):
    if connection.vendor not in ("lmdb", "mongodb"):
        pytest.skip(f"{connection.display_name} does not know it at once")
    plan = books.order_by(F("pages") % 3, "pk").explain()
    (rows,) = re.findall(r"^scan: .* of about (\d+) rows$", plan, re.MULTILINE)
    # MongoDB's number may be of some minutes before.
    assert rows == "12" or connection.vendor == "mongodb"


def test_explain_tells_with_analyze_what_was_read(books):
    plan = books.order_by(F("pages") % 3, "pk").explain(analyze=True)
    assert "scan: 12 rows loaded" in plan
    with pytest.raises(ValueError, match="Unknown options: analyse"):
        books.explain(analyse=True)


def test_a_query_leaves_no_reference_cycles(books):
    querysets = list(explained(books))
    for queryset in querysets:
        list(queryset.all())  # what is cached for a model or a statement is there
    gc.collect()
    # Connections that other tests have closed are garbage, too, and come later.
    older = {id(each) for each in gc.get_objects()}
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for queryset in querysets:
            list(queryset.all())
        gc.collect()
        # Django's own compiler leaves one for select_related().
        kinds = {type(each) for each in gc.garbage if id(each) not in older}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    ours = {each.__module__ for each in kinds if each.__module__.startswith("nonrel")}
    assert not ours


def test_a_statement_of_nothing_is_not_planned(books):
    with pytest.raises(EmptyResultSet):
        rule_of(books.filter(pk__in=[]))
    assert books.filter(pk__in=[]).aggregate(Sum("pages")) == {"pages__sum": None}


def test_subqueries_of_several_levels_are_found_first(books):
    authors = books.model._meta.get_field("author").related_model.objects
    inner = authors.filter(books__in=books.filter(pages=4)).values("pk")
    found = books.filter(author__in=inner).order_by("pages")
    assert [book.pages for book in found] == [1, 4, 7, 10]
