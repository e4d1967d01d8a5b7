"""What is read of the catalog, and when it is read again."""

import pytest
from django.db import transaction

from nonrel_backend.kv.bytes import BytesAccess


def test_the_names_of_tables_are_read_once_after_each_change(store, monkeypatch):
    from tests.library.models import Genre

    reads = []
    batches = BytesAccess.batches

    def noted(*arguments):
        reads.append(arguments)
        return batches(*arguments)

    monkeypatch.setattr(BytesAccess, "batches", noted)
    names = store.introspection.table_names()
    reads.clear()
    assert store.introspection.table_names() == names
    assert reads == []
    with pytest.raises(ZeroDivisionError), transaction.atomic("own"):
        with store.schema_editor(atomic=False) as editor:
            editor.delete_model(Genre)
        assert {*names} - {*store.introspection.table_names()} == {"library_genre"}
        raise ZeroDivisionError
    assert store.introspection.table_names() == names


def test_only_tables_with_rows_are_said_to_have_some(store):
    from tests.library.models import Author, Book, Genre

    tables = [model._meta.db_table for model in (Author, Book, Genre)]
    assert store.tables_with_rows(tables) == set()
    author = Author.objects.using("own").create(name="a", email="a@x")
    assert store.tables_with_rows(tables) == {"library_author"}
    author.delete()
    assert store.tables_with_rows(tables) == set()
