"""The suite of the backend under test alone: one module for each."""

import os

import pytest

BACKENDS = ("lmdb", "mongodb", "riak", "template")
tested = os.environ.get("NONREL_BACKEND") or "lmdb"
collect_ignore = [f"test_{name}.py" for name in BACKENDS if name != tested]


@pytest.fixture(scope="session", autouse=True)
def settings(databases):
    """Django is set up with the tests' settings."""
