"""The reasons for which MongoDB leaves a part of a query to the local engine."""

import pytest
from django.db import NotSupportedError, connection
from django.db.models import Avg, Count, F, Max, Q, StdDev, Sum, Value
from django.db.models.functions import Coalesce, Upper
from django.db.models.sql.query import Query

from nonrel_backend.conditions import Column, Leaf, Step
from nonrel_backend.mongodb.compiler import SQLCompiler
from nonrel_backend.planner.refusal import Refused
from nonrel_backend.planner.translate import Translator
from nonrel_backend.query import Grouping

TITLE = Column("title", "string")
TAGS = Column("tags", "json", ("a", "b"))


@pytest.fixture
def scan(library):
    compiler = SQLCompiler(Query(library.Book), connection, None)
    return compiler.query_class(compiler, [library.Book._meta.pk])


def resolved(library, expression):
    return expression.resolve_expression(Query(library.Book))


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        (Leaf(TITLE, "has_key", "a"), "MongoDB has no operator for title__has_key"),
        (
            Leaf(TITLE, "iregex", "(?a)b"),
            "MongoDB may read the regular expression '(?a)b' of title__iregex "
            "otherwise than Python",
        ),
        (
            Leaf(TITLE, "icontains", "ß"),
            "MongoDB folds the case of 'ß' in title__icontains otherwise than Python",
        ),
        (
            Leaf(Column("pages", "int"), "contains", "1"),
            "MongoDB matches patterns on text only, not in pages__contains",
        ),
        (
            Leaf(Column("body", "binary"), "gt", b"a"),
            "MongoDB orders binary values, as in body, by their length first",
        ),
        (
            Leaf(TITLE, "contains", Column("name", "string")),
            "MongoDB does not compare title__contains with name as SQLite does",
        ),
        (
            Leaf(TAGS, "exact", 1, negated=True),
            "MongoDB does not answer NOT tags__a__b__exact on JSON as SQLite does",
        ),
        (
            Leaf(Column("tags", "json", ("a.b",)), "exact", 1),
            "MongoDB's paths cannot hold the key 'a.b' of tags",
        ),
        (
            Leaf(Column("home", "document", ("a",)), "exact", {}),
            "MongoDB compares whole documents, as in home__a__exact, by the order of "
            "their keys",
        ),
        (
            Leaf(Column("items", "date", (Step.EACH,)), "month", 1),
            "MongoDB's expressions do not look at items of lists, as "
            "items__each__month does",
        ),
    ],
)
def test_a_refused_lookup_is_named(scan, leaf, reason):
    with pytest.raises(NotSupportedError) as caught:
        scan.add_filters(leaf)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (Upper("title"), "MongoDB does not compute Upper('title') as SQLite does"),
        (F("pages") % 2, "MongoDB does not compute 'pages' %% 2 as SQLite does"),
        (
            Coalesce("title", Upper(Value("a"))),
            "MongoDB does not compute Upper('a') as SQLite does",
        ),
    ],
)
def test_a_refused_expression_is_named(library, scan, expression, reason):
    with pytest.raises(NotSupportedError) as caught:
        scan.compute({"name": resolved(library, expression)})
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("aggregate", "reason"),
    [
        (
            Sum("pages", distinct=True),
            "MongoDB does not compute Sum('pages') of distinct values as SQLite does",
        ),
        (
            StdDev("price"),
            "MongoDB does not compute StdDev('price') of values of type decimal as "
            "SQLite does",
        ),
        (
            Max("in_print"),
            "MongoDB does not compute Max('in_print') of values of type bool as SQLite "
            "does",
        ),
        (
            Avg(Upper("title")),
            "MongoDB does not compute Upper('title') as SQLite does",
        ),
    ],
)
def test_a_refused_aggregate_is_named(library, scan, aggregate, reason):
    grouping = Grouping((resolved(library, aggregate),), None, None, (), 0, None)
    with pytest.raises(NotSupportedError) as caught:
        scan.group(grouping)
    assert str(caught.value) == reason


def test_a_reason_of_the_toolkit_is_passed_on(library, scan, monkeypatch):
    def refuse(*arguments):
        raise Refused("the toolkit knows no such lookup")

    monkeypatch.setattr(Translator, "condition", refuse)
    counted = resolved(library, Count("pk", filter=Q(pages=1)))
    grouping = Grouping((counted,), None, None, (), 0, None)
    with pytest.raises(NotSupportedError, match="the toolkit knows no such lookup"):
        scan.group(grouping)
