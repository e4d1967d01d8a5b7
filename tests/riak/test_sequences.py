"""Keys 1, 2, 3: what happens when none is left."""

import pytest
from django.db import DataError, connections, models

from .conftest import create_tables
from .test_backend import counter, counters


def test_a_table_whose_keys_are_used_up_is_a_clear_error(open_database):
    largest = 2**63 - 1
    create_tables(open_database(keys="sequence"))
    counter("a")
    counters().create(pk=largest, name="by hand")
    for _ in range(2):
        with pytest.raises(DataError, match=f"library_counter.id.*{largest}"):
            counter("b")
    with pytest.raises(DataError, match="No key is left"):
        counters().bulk_create([counters().model(name="c")])
    assert counters().count() == 2 and connections["own"].check_store() == []
    # What the message says to do.
    counters().filter(pk=largest).update(id=2)
    store = connections["own"]
    (problem,) = store.check_store()
    assert "no key is left, but the largest id of a row is 2" in problem
    store.check_store(fix=True)
    assert counter("b").pk == 3
    assert store.check_store() == []


def test_keys_of_32_bits_end_where_their_column_does(open_database):
    class Small(models.Model):
        id = models.AutoField(primary_key=True)

        class Meta:
            app_label = "library"
            db_table = "riak_small"

    store = open_database(keys="sequence")
    with store.schema_editor() as editor:
        editor.create_model(Small)
    manager = Small.objects.using("own")
    manager.create(pk=2**31 - 2)
    assert manager.create().pk == 2**31 - 1
    with pytest.raises(DataError, match="riak_small.id"):
        manager.create()


def test_keys_by_time_do_not_end_with_a_largest_key(store):
    counters().create(pk=2**63 - 1, name="by hand")
    assert counter("b").pk < 2**63 - 1
