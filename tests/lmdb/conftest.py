"""Fixtures: stores in temporary folders."""

import pytest
from django.db import connections

from nonrel_backend.lmdb.environment import discard


@pytest.fixture
def open_store(databases, tmp_path):
    """Return a function that opens the test's store, with OPTIONS, as "own"."""
    from nonrel_backend.lmdb.base import DatabaseWrapper

    folder = tmp_path / "store"

    def opened(**options):
        settings = {**connections["lmdb"].settings_dict}
        settings |= {"NAME": str(folder), "OPTIONS": {"timeout": 0.5, **options}}
        if "own" in connections.databases:
            connections["own"].close()
        connections.databases["own"] = settings
        connections["own"] = DatabaseWrapper(settings, "own")
        return connections["own"]

    yield opened
    if "own" in connections.databases:
        connections["own"].close()
        del connections["own"], connections.databases["own"]
    discard(str(folder))


@pytest.fixture
def store(open_store):
    """Return the test's store with the tables of authors, books and counters."""
    from tests.library import models

    connection = open_store()
    with connection.schema_editor() as editor:
        for model in (models.Author, models.Book, models.Genre, models.Counter):
            editor.create_model(model)
    return connection
