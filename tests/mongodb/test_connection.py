"""Settings, the shared client, forks, health checks, standalone servers."""

import os
import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import NotSupportedError, OperationalError, connections, transaction

from nonrel_backend.mongodb.base import DatabaseWrapper
from nonrel_backend.testing.services.mongodb import MongoServer, free_port

from .faulty import ALIAS, connect, forget


def wrapper(databases, alias="other", **settings) -> DatabaseWrapper:
    settings = {"ENGINE": "nonrel_backend.mongodb", "NAME": "other", **settings}
    configured = connections.configure_settings({"default": {}, alias: settings})
    return DatabaseWrapper(configured[alias], alias)


@pytest.fixture(scope="module")
def standalone():
    with MongoServer(replset=None) as server:
        yield server


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"NAME": ""}, "NAME"),
        ({"PORT": "mongo"}, "PORT"),
        ({"OPTIONS": {"transactions": "perhaps"}}, "perhaps"),
        ({"OPTIONS": {"no_such_option": 1}}, "no_such_option"),
        ({"HOST": "mongodb://"}, "other"),
    ],
)
def test_wrong_settings_are_named(databases, settings, word):
    with pytest.raises(ImproperlyConfigured, match=word):
        wrapper(databases, **settings).ensure_connection()


def test_own_options_do_not_reach_the_driver(databases):
    options = {"transactions": "off", "local_rows": 5, "maxPoolSize": 3}
    params = wrapper(databases, OPTIONS=options).get_connection_params()
    assert params["maxPoolSize"] == 3
    assert not {"transactions", "local_rows"} & set(params)


def test_an_unreachable_host_is_named_and_the_password_is_not(databases):
    port = free_port()
    connection = wrapper(
        databases,
        HOST=f"mongodb://user:secret@127.0.0.1:{port}/",
        OPTIONS={"serverSelectionTimeoutMS": 100},
    )
    with pytest.raises(OperationalError, match=f"127.0.0.1:{port}") as caught:
        connection.hello()
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is not None
    assert not connection.is_usable()


def test_threads_share_one_client(databases):
    seen = []

    def look():
        connection = connections["default"]
        connection.ensure_connection()
        seen.append(connection.connection)

    look()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen[0] is seen[1]


def test_a_forked_child_has_its_own_client_and_its_own_keys(library):
    first = library.Author.objects.create(name="a").pk
    library.Author.objects.create(name="b")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        names = []
        try:
            names = [library.Author.objects.create(name="c").pk for _ in range(20)]
        finally:
            os.write(writing, repr(names).encode())
            os._exit(0)
    os.waitpid(child, 0)
    made = os.read(reading, 10_000).decode()
    assert made.count(",") == 19, "the child could not write"
    library.Author.objects.bulk_create(library.Author(name="d") for _ in range(20))
    assert library.Author.objects.count() == 42
    assert library.Author.objects.order_by("pk")[0].pk == first


def test_a_standalone_server_is_warned_of_once_and_commits_by_itself(
    library, standalone, caplog
):
    connection = wrapper(library, "lone", HOST="127.0.0.1", PORT=standalone.port)
    assert not connection.has_transactions
    assert not connection.features.supports_transactions
    (warning,) = connection.validation.check()
    assert warning.id == "nonrel_backend.W003"
    again = wrapper(library, "lone", HOST="127.0.0.1", PORT=standalone.port)
    assert not again.has_transactions
    assert len([each for each in caplog.records if "standalone" in each.message]) == 1


def test_a_server_that_was_not_asked_is_taken_for_a_replica_set(databases, standalone):
    connection = wrapper(databases, HOST=standalone.uri)
    features = connection.features
    assert features.supports_transactions and features.uses_savepoints
    assert connection.connection is None
    connection.ensure_connection()
    assert not features.supports_transactions and not features.uses_savepoints
    connection.close()
    assert not features.supports_transactions
    off = wrapper(databases, HOST=standalone.uri, OPTIONS={"transactions": "off"})
    assert not off.features.supports_transactions and off.connection is None


def test_a_test_runners_worker_asks_its_server(databases, standalone):
    connection = wrapper(databases, HOST=standalone.uri)
    connection.creation.setup_worker_connection(1)
    assert not connection.features.supports_transactions
    mirror = wrapper(databases, HOST=standalone.uri)
    mirror.creation.set_as_test_mirror(connection.settings_dict)
    assert not mirror.features.supports_transactions


def test_the_first_statement_on_a_standalone_server_locks_no_rows(
    library, standalone, commands
):
    try:
        connect(standalone.uri, library)
        library.Counter.objects.using(ALIAS).create(name="a")
        connections[ALIAS].close()
        del connections[ALIAS]  # as in a new thread
        commands.clear()
        rows = library.Counter.objects.using(ALIAS).select_for_update()
        assert [row.name for row in rows] == ["a"]
        assert "update" not in commands
    finally:
        forget()


def test_off_is_not_warned_of(databases, standalone):
    connection = wrapper(
        databases, HOST=standalone.uri, OPTIONS={"transactions": "off"}
    )
    assert connection.validation.check() == []


def test_required_refuses_a_standalone_server_each_time(databases, standalone):
    connection = wrapper(
        databases, HOST=standalone.uri, OPTIONS={"transactions": "required"}
    )
    for _ in range(2):
        with pytest.raises(NotSupportedError, match="replSet"):
            connection.ensure_connection()


def test_health_checks_ping(library):
    connection = connections["default"]
    connection.ensure_connection()
    assert connection.is_usable()
    with transaction.atomic():
        assert connection.is_usable()
