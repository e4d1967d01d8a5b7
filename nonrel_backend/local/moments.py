"""Datetimes in SQL, as precise as those of the table that they are compared with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models.expressions import Col
from django.db.models.lookups import Lookup


@contextmanager
def precise_as(compiler: Any, meta: Any) -> Iterator[None]:
    """Cut datetimes to milliseconds in SQL, if the model's table does."""
    wrapper = compiler.connection
    before = wrapper.whole_milliseconds
    wrapper.whole_milliseconds = not (
        meta is None or compiler.store.keeps_microseconds(meta.db_table)
    )
    try:
        yield
    finally:
        wrapper.whole_milliseconds = before


def compiled(compiler: Any, node: Any, compile: Callable[[Any], Any]) -> Any:
    """Return compile(node), where a lookup's datetimes are as precise as its column."""
    column: Any = node.lhs if isinstance(node, Lookup) else None
    if type(column) is Col and compiler.store.type_of(column.target) == "datetime":
        with precise_as(compiler, column.target.model._meta):
            return compile(node)
    return compile(node)
