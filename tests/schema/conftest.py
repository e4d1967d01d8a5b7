"""Fixture: operations of migrations, run one after the other."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, migrations
from django.db.migrations.state import ProjectState


@pytest.fixture
def run_operations(databases) -> Iterator[Callable[..., Any]]:
    """Run operations of an app; return its apps then. At the end, delete its models."""
    states = [ProjectState()]

    def run(app, *operations):
        for operation in operations:
            before = states[-1]
            after = before.clone()
            operation.state_forwards(app, after)
            with connection.schema_editor() as editor:
                operation.database_forwards(app, editor, before, after)
            states.append(after)
        return states[-1].apps

    yield run
    for app, name in reversed(list(states[-1].models)):
        run(app, migrations.DeleteModel(name))
