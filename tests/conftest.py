"""Databases with all tables for every test, the tables empty for each."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import django
import pytest
from hypothesis import HealthCheck, settings
from pymongo import monitoring

from nonrel_backend.testing.services.addresses import server


class Commands(monitoring.CommandListener):
    """Records the names of the commands sent to MongoDB."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


# No deadline: how long an example takes depends on what else the machine does.
settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")

COMMANDS = Commands()
monitoring.register(COMMANDS)

BACKEND = os.environ.get("NONREL_ENGINE") or "lmdb"
BACKENDS = ("lmdb", "mongodb", "riak", "dynamodb", "template")
collect_ignore = [name for name in BACKENDS if name != BACKEND]
if django.VERSION < (6, 1):
    collect_ignore.append("django61")
if BACKEND != "lmdb":
    collect_ignore.append("kv")  # the core's own tests: they choose their stores
if BACKEND != "mongodb":
    collect_ignore.append("testing/services/test_mongodb.py")
if BACKEND != "dynamodb":
    collect_ignore += ["testing/services/test_dynamodb.py", "docs/test_dynamodb.py"]
if BACKEND != "riak":
    collect_ignore.append("testing/faults/test_riak.py")
if BACKEND == "template":
    # A project's commands are processes, and the template's store ends with each.
    collect_ignore.append("testproject")
# The backends that store documents as text, as Django's SQL backends do.
DOCUMENTS_AS_TEXT = {"template"}


def pytest_configure(config: pytest.Config) -> None:
    """Register the tests' own markers."""
    config.addinivalue_line(
        "markers",
        "native_documents(reason): skip where the backend stores documents as text",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that the backend under test cannot pass."""
    if BACKEND not in DOCUMENTS_AS_TEXT:
        return
    for item in items:
        for marker in item.iter_markers("native_documents"):
            reason = f"{BACKEND} stores documents as text: {marker.args[0]}"
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def databases() -> Iterator[Any]:
    """Yield Django's connections: to the backend under test, to LMDB and to SQLite, the
    oracle, with all tables created.
    """
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
def commands() -> list[str]:
    """Return a list of the names of the commands sent to MongoDB, empty at first."""
    COMMANDS.names.clear()
    return COMMANDS.names


@pytest.fixture
def library(databases: Any) -> Any:
    """Return the models of tests.library, without rows in any database."""
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
    empty(databases, ("default", "lmdb", "oracle"), *rows)
    return models


@pytest.fixture
def documents(databases: Any) -> Any:
    """Return the models of tests.documents, without rows in any database."""
    from tests.documents import models

    empty(databases, ("default", "lmdb", "oracle"), models.City, models.Sample)
    return models


@pytest.fixture
def orders(databases: Any) -> Any:
    """Return the models of tests.orders, without rows in any database."""
    from tests.orders import models

    empty(databases, ("default", "oracle"), models.Order, models.Customer)
    return models


def empty(databases: Any, aliases: Iterable[str], *models: Any) -> None:
    """Delete all rows of the models, and reset their sequences where a store has
    them.
    """
    tables = [model._meta.db_table for model in models]
    for alias in aliases:
        ops = databases[alias].ops
        if hasattr(ops, "flush"):
            ops.flush(tables, reset_sequences=True)
        else:  # SQLite
            ops.execute_sql_flush([f'DELETE FROM "{table}"' for table in tables])
