"""bulk_create() with OPTIONS["bulk"] = "batches" commits some rows at a time."""

import django
import pytest
from django.db import IntegrityError, connections, transaction

from .test_optimistic import ALIAS, counting, fruit, items, other  # noqa: F401


@pytest.fixture
def options():
    return {"bulk": "batches"}


@pytest.fixture(autouse=True)
def three_rows(items):  # noqa: F811
    """Let a batch have three rows, with the entries of two indexes."""
    items.batch_writes = 10


def names(manager):
    return list(manager.order_by("pk").values_list("name", flat=True))[5:]


def rows(manager, *some):
    return [manager.model(name=each) for each in some]


def test_rows_are_committed_some_at_a_time(fruit, items):  # noqa: F811
    requests = counting(items)
    made = fruit.bulk_create(rows(fruit, *"abcdefg"))
    assert requests.count("commit") == 3
    assert not requests.count("begin")
    assert [each.pk for each in made] == list(range(6, 13))
    assert names(fruit) == list("abcdefg")


def test_an_error_says_how_many_rows_are_stored(fruit, other):  # noqa: F811
    with pytest.raises(IntegrityError, match=r"name\. 3 rows of this bulk_create\(\)"):
        fruit.bulk_create(rows(fruit, *"abcde", "f1", "h"))
    assert names(other) == list("abc")


@pytest.mark.skipif(django.VERSION >= (6, 1), reason="Django 6.1 opens no block.")
def test_an_error_counts_the_rows_of_all_statements(fruit, other):  # noqa: F811
    with pytest.raises(IntegrityError, match=r" 3 rows of this bulk_create\(\)"):
        fruit.bulk_create(rows(fruit, *"uvw", "f1"), batch_size=3)
    assert names(other) == list("uvw")


def test_conflicts_are_resolved_in_batches(fruit):  # noqa: F811
    fruit.bulk_create(rows(fruit, *"abc", "f1", "d"), ignore_conflicts=True)
    assert names(fruit) == list("abcd")
    again = [fruit.model(name=each, weight=9) for each in (*"bd", "new")]
    fruit.bulk_create(
        again, update_conflicts=True, unique_fields=["name"], update_fields=["weight"]
    )
    assert fruit.filter(weight=9).count() == 3


@pytest.mark.parametrize("savepoint", [True, False])
def test_a_block_of_the_user_is_all_or_nothing(fruit, other, savepoint):  # noqa: F811
    with pytest.raises(ZeroDivisionError), transaction.atomic(ALIAS, savepoint):
        fruit.bulk_create(rows(fruit, *"abc"))
        assert names(other) == []
        raise ZeroDivisionError
    assert names(fruit) == []


def test_without_autocommit_it_is_part_of_the_open_transaction(
    fruit,  # noqa: F811
    other,  # noqa: F811
):
    connection = connections[ALIAS]
    connection.set_autocommit(False)
    fruit.bulk_create(rows(fruit, *"abc"))
    assert names(other) == []
    connection.rollback()
    connection.set_autocommit(True)
    assert names(fruit) == []
