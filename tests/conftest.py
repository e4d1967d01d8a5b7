"""A real store and all databases' tables for all tests, empty for each of them."""

import os

import pytest
from hypothesis import HealthCheck, settings
from pymongo import monitoring

from nonrel_backend.testing.services.addresses import server


class Commands(monitoring.CommandListener):
    """The names of the commands sent to MongoDB."""

    def __init__(self):
        self.names: list[str] = []

    def started(self, event):
        self.names.append(event.command_name)

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


# How fast an example is found depends on what else the machine does.
settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")

COMMANDS = Commands()
monitoring.register(COMMANDS)

BACKEND = os.environ.get("NONREL_BACKEND") or "lmdb"
BACKENDS = ("lmdb", "mongodb", "riak", "template")
collect_ignore = [name for name in BACKENDS if name != BACKEND]
if BACKEND != "mongodb":
    collect_ignore.append("testing/services/test_mongodb.py")
if BACKEND == "template":
    # A project's commands are processes, and its store is gone with each.
    collect_ignore.append("testproject")


def pytest_collection_modifyitems(items):
    """Skip the tests of stores with a type for documents; others hold JSON text."""
    skip = pytest.mark.skip(reason=f"{BACKEND} holds documents as JSON text.")
    for item in items if BACKEND == "template" else ():
        if item.get_closest_marker("stores_documents"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def databases():
    """Django, set up on the backend and on SQLite, with the tables created."""
    with server(BACKEND):
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        for alias in connections:
            call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
        yield connections
        for alias in ("default", "lmdb"):
            connection = connections[alias]
            connection.creation._destroy_test_db(connection.settings_dict["NAME"], 0)


@pytest.fixture
def commands():
    """The names of the commands that the test has sent since it cleared them."""
    COMMANDS.names.clear()
    return COMMANDS.names


@pytest.fixture
def library(databases):
    """The models, with no rows in any database."""
    from tests.library import models

    rows = (
        models.Copy,
        models.Novel,
        models.Book.genres.through,
        models.Book,
        models.Genre,
        models.Author,
        models.Counter,
        models.Offer,
        models.Place,
        models.Tag,
    )
    tables = [model._meta.db_table for model in rows]
    for alias in ("default", "lmdb"):
        databases[alias].ops.flush(tables, reset_sequences=True)
    databases["oracle"].ops.execute_sql_flush(
        [f'DELETE FROM "{table}"' for table in tables]
    )
    return models


@pytest.fixture
def documents(databases):
    """The models with documents in their columns, with no rows in any database."""
    from tests.documents import models

    tables = [models.City._meta.db_table, models.Sample._meta.db_table]
    databases["default"].ops.flush(tables, reset_sequences=True)
    databases["lmdb"].ops.flush(tables, reset_sequences=True)
    databases["oracle"].ops.execute_sql_flush(
        [f'DELETE FROM "{table}"' for table in tables]
    )
    return models
