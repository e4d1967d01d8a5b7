"""Other stores than the template's own, for one test each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connections


@pytest.fixture
def store(databases: Any, request: Any) -> Iterator[Callable[[str], Any]]:
    """Yield the function that connects to an empty store of an engine."""
    with ExitStack() as stack:

        def connect(engine: str) -> Any:
            alias = engine.rpartition(".")[2]
            entry = {"ENGINE": engine, "NAME": request.node.name}
            configured = connections.configure_settings({"default": entry})
            connections.settings[alias] = configured["default"]
            stack.callback(forget, alias)
            return connections[alias]

        yield connect


def forget(alias: str) -> None:
    """Close a connection, and have Django know it no more."""
    connections[alias].creation.drop_tables(connections[alias].settings_dict["NAME"])
    connections[alias].close()
    del connections[alias], connections.settings[alias]
