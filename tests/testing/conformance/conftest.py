"""The suite runs for the backend under test only. Each backend has a module."""

import os
from typing import Any

import pytest

BACKENDS = ("lmdb", "mongodb", "riak", "dynamodb", "template")
tested = os.environ.get("NONREL_ENGINE") or "lmdb"
collect_ignore = [f"test_{name}.py" for name in BACKENDS if name != tested]


@pytest.fixture(scope="session", autouse=True)
def settings(databases: Any) -> None:
    """Set up Django with the tests' settings."""
