"""Conditions of indexes and unique constraints: the server's own, or hidden keys."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Index, Q, UniqueConstraint

from tests.schema.test_partial_uniques import CONDITIONS, model_of
from tests.tables import tables_of


def partial_of(condition):
    """Return the filter of the partial index that a condition gets, if it gets one."""
    model = model_of("filter")
    with tables_of(model), connection.schema_editor() as editor:
        return editor.partial_of(model, condition)


@pytest.mark.parametrize(
    "condition, partial",
    [
        (~Q(tag=""), {"tag": {"$gt": ""}}),
        (~Q(flag=True), {"flag": {"$eq": False}}),
        (
            ~Q(maybe=True),
            {"$or": [{"maybe": {"$eq": False}}, {"maybe": {"$eq": None}}]},
        ),
        (Q(n__in=[1, 2]), {"n": {"$in": [1, 2]}}),
        (Q(n__range=(0, 2)), {"n": {"$gte": 0, "$lte": 2}}),
        (Q(tag__startswith="ab"), {"tag": {"$gte": "ab", "$lt": "ac"}}),
        (
            Q(flag=True) & (Q(n=1) | Q(m=1)),
            {"flag": {"$eq": True}, "$or": [{"n": {"$eq": 1}}, {"m": {"$eq": 1}}]},
        ),
        (
            ~Q(tag__in=["", "ab"]),
            {"$or": [{"tag": {"$gt": "", "$lt": "ab"}}, {"tag": {"$gt": "ab"}}]},
        ),
    ],
)
def test_the_server_keeps_what_it_can_express(databases, condition, partial):
    assert partial_of(condition) == partial


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_server_expresses_comparisons_with_constants(databases, name):
    assert partial_of(CONDITIONS[name])


@pytest.mark.parametrize(
    "condition", [Q(n__in=[1, 2]), ~Q(maybe=True), Q(n=1) | Q(m=1)]
)
def test_old_servers_have_no_alternatives(databases, monkeypatch, condition):
    assert partial_of(condition)
    monkeypatch.setattr(connection, "get_database_version", lambda: (5, 0, 9))
    assert partial_of(condition) is None
    assert partial_of(~Q(tag="")) == {"tag": {"$gt": ""}}


def test_nulls_are_distinct_where_the_condition_is_that_they_are_null(databases):
    """As on SQLite: the constraint keeps out nothing."""
    constraint = UniqueConstraint(
        fields=["other", "code"], condition=Q(other=None), name="none"
    )
    model = model_of("nulls", constraint)
    with tables_of(model):
        for _ in range(2):
            model.objects.create(other=None)
        assert model.objects.count() == 2


@pytest.mark.parametrize("where", ["server", "transaction"])
def test_a_row_that_comes_under_the_condition_is_refused(databases, where):
    condition = ~Q(tag="") & (Q(n=1) | ~Q(maybe=True))
    constraint = UniqueConstraint(fields=["code"], condition=condition, name="single")
    model = model_of("refused", constraint)
    with tables_of(model):
        model.objects.create(tag="a")
        model.objects.create(tag="")
        row = model.objects.create(tag="b", maybe=True, n=0)
        with transaction.atomic():
            if where == "transaction":
                assert model.objects.count() == 3
                model.objects.create(code=7)
            with pytest.raises(IntegrityError), transaction.atomic():
                model.objects.filter(pk=row.pk).update(n=F("n") + 1)
            with pytest.raises(IntegrityError), transaction.atomic():
                model.objects.create(tag="c")
            assert not model.objects.filter(n=1).exists()


def test_an_index_whose_condition_the_server_has_not_is_of_all_rows(databases):
    index = Index(fields=["n"], condition=Q(n__gt=F("m")), name="larger")
    model = model_of("indexed")
    with tables_of(model):
        with connection.schema_editor() as editor:
            editor.add_index(model, index)
        found = connection.database["partial_indexed"].index_information()["larger"]
        assert "partialFilterExpression" not in found
        with connection.schema_editor() as editor:
            editor.remove_index(model, index)
        assert (
            "larger" not in connection.database["partial_indexed"].index_information()
        )
