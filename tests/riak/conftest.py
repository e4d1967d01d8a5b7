"""A stand-in of each test's own, and a database on it."""

import pytest
from django.db import connections

from nonrel_backend.testing.riak_server import StandInRiak


@pytest.fixture
def server():
    with StandInRiak() as server:
        yield server


@pytest.fixture
def open_database(databases, server):
    """Function: opens the database "own" on the test's stand-in, with OPTIONS."""
    from nonrel_backend.riak.base import DatabaseWrapper

    def opened(**options):
        settings = {
            **connections["default"].settings_dict,
            "HOST": "127.0.0.1",
            "PORT": server.port,
            "NAME": "own",
            "OPTIONS": {"transactions": "none", "schema_wait": 0, **options},
        }
        if "own" in connections.databases:
            connections["own"].close()
        connections.databases["own"] = settings
        connections["own"] = DatabaseWrapper(settings, "own")
        return connections["own"]

    yield opened
    if "own" in connections.databases:
        connections["own"].close()
        del connections["own"], connections.databases["own"]


def create_tables(connection):
    from tests.library import models

    with connection.schema_editor() as editor:
        for model in (models.Author, models.Book, models.Genre, models.Counter):
            editor.create_model(model)


@pytest.fixture
def store(open_database):
    """The test's own database, with the tables of authors, books and counters."""
    connection = open_database()
    create_tables(connection)
    return connection
