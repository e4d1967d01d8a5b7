"""What is known of a backend before it connects: importing code may read it."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.core import checks

from .conftest import BACKEND

if BACKEND == "sqlite":
    pytest.skip("SQLite's features connect", allow_module_level=True)

PARTS = ["features", "ops", "introspection", "creation", "client", "validation"]


@pytest.fixture
def unconnected(databases: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield a connection that was never used and refuses to connect, "default"."""
    used = databases["default"]
    connection = databases.create_connection("default")

    def refuse(*arguments: Any) -> None:
        raise AssertionError("It connects.")

    for name in ("ensure_connection", "connect", "get_new_connection"):
        monkeypatch.setattr(connection, name, refuse)
    databases["default"] = connection
    yield connection
    databases["default"] = used


@pytest.mark.parametrize("part", PARTS)
def test_no_attribute_connects(unconnected, part):
    found = getattr(unconnected, part)
    for name in dir(found):
        with suppress(AttributeError, NotImplementedError):
            getattr(found, name)
    assert unconnected.connection is None


def test_features_before_and_after_connecting_are_the_same(databases):
    connection = databases.create_connection("default")
    names = [name for name in dir(connection.features) if not name.startswith("_")]
    before = {name: getattr(connection.features, name) for name in names}
    connection.ensure_connection()
    after = {name: getattr(connection.features, name) for name in names}
    connection.close()
    assert {name: before[name] for name in names if before[name] != after[name]} == {}


@pytest.mark.parametrize(
    "asked",
    [{}, {"tags": [checks.Tags.models], "databases": ["default"]}],
    ids=["all", "of models in the database"],
)
def test_system_checks_do_not_connect(unconnected, asked):
    checks.run_checks(**asked)
    assert unconnected.connection is None
