"""Tables of models that a test makes for itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections


@contextmanager
def tables_of(*models: Any, using: str = "default") -> Iterator[None]:
    """Keep the tables of these models, the referenced ones first, for a block."""
    with connections[using].schema_editor() as editor:
        for model in models:
            editor.create_model(model)
    try:
        yield
    finally:
        with connections[using].schema_editor() as editor:
            for model in reversed(models):
                editor.delete_model(model)
