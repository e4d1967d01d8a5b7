"""Fixtures: a server for each test, and a database on it.

The server is a stand-in, or a relay to the real Riak at RIAK_HOST.
"""

from contextlib import ExitStack, nullcontext
from uuid import uuid4

import pytest
from django.db import connections

from nonrel_backend.kv import writing
from nonrel_backend.rest.documents.stores import riak as documents
from nonrel_backend.riak.client import Client, Pool
from nonrel_backend.testing.riak.properties import DEFAULTS, TYPES
from nonrel_backend.testing.riak.server import StandInRiak

from .relay import Relay, real_host


@pytest.fixture(scope="session")
def riak():
    """Return the address of the real Riak, None if the tests use the stand-in."""
    return real_host()


@pytest.fixture
def start_server(riak):
    """Return a function that starts a server on a port; the test's end closes it."""
    with ExitStack() as stack:

        def start(port=0):
            answers = Relay(riak) if riak else None
            return stack.enter_context(StandInRiak(port, answers=answers))

        yield start


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture
def bucket(riak):
    """Return the name of an empty bucket."""
    name = f"bucket_{uuid4().hex[:8]}"
    yield name
    if riak:
        client = Client(Pool(riak))
        for key in list(client.keys(name)):
            client.delete(name, key)
        client.close()


@pytest.fixture
def require_type(server):
    """Return a function that skips the test if Riak lacks a bucket type.

    It fails if the type has other properties than the tests are written for.
    """

    def require(name):
        if not isinstance(server.answers, Relay):
            return
        found = server.answers.type_properties(name)
        if found is None:
            pytest.skip(f"The Riak at RIAK_HOST has no bucket type {name}.")
        wanted = {**DEFAULTS, **TYPES[name.encode()]}
        for each in ("allow_mult", "n_val", "last_write_wins"):
            assert getattr(found, each) == wanted[each], (
                f"The bucket type {name} of the Riak at RIAK_HOST must have {each} = "
                f"{wanted[each]}: see docs/riak.md."
            )

    return require


@pytest.fixture
def open_database(databases, server, require_type, riak, monkeypatch):
    """Return a function that opens database "own" on the server, with OPTIONS."""
    from nonrel_backend.kv import cached_catalog
    from nonrel_backend.riak.base import DatabaseWrapper

    # On a slow server the cache would expire, and its requests would be counted.
    monkeypatch.setattr(cached_catalog, "CACHED_SECONDS", 600)

    name = f"own_{uuid4().hex[:8]}"

    def opened(**options):
        for each in ("bucket_type", "unique_type", "counter_type", "set_type"):
            if options.get(each):
                require_type(options[each])
        settings = {
            **connections["default"].settings_dict,
            "HOST": options.pop("host", "127.0.0.1"),
            "PORT": server.port,
            "NAME": name,
            "OPTIONS": {"transactions": "none", "schema_wait": 0, **options},
        }
        if "own" in connections.databases:
            connections["own"].close()
        connections.databases["own"] = settings
        connections["own"] = DatabaseWrapper(settings, "own")
        return connections["own"]

    yield opened
    if "own" in connections.databases:
        server.before = server.after = None
        if riak:
            # The test's servers may be gone, and its resolvers may raise.
            connections["own"].close()
            connections["own"].settings_dict["HOST"] = riak
            connections["own"].settings_dict["OPTIONS"].pop("resolvers", None)
            connections["own"].creation._destroy_test_db(name, 0)
        connections["own"].close()
        del connections["own"], connections.databases["own"]


@pytest.fixture
def processes(monkeypatch):
    """Disable the locks of threads, so that they conflict like processes."""
    for module in (writing, documents):
        monkeypatch.setattr(module, "turns", lambda table, keys: nullcontext())


def create_tables(connection):
    from tests.library import models

    with connection.schema_editor() as editor:
        for model in (models.Author, models.Book, models.Genre, models.Counter):
            editor.create_model(model)


@pytest.fixture
def store(open_database):
    """Return the test's database with the tables of authors, books and counters."""
    connection = open_database()
    create_tables(connection)
    return connection


def sent(server, work):
    """Return {name of a request: how many of them work() sends}."""
    server.requests.clear()
    work()
    return dict(server.requests)
