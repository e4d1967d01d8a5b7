"""Rows that the local engine finds for a plan which has handed out some already.

A store may refuse for later keys what it took for the first ones.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models.expressions import Col
from django.db.models.sql.query import Query
from django.db.models.sql.where import AND


def rows_of_keys(
    store: Any, query: Query, key: Col, keys: list[Any], values: Sequence[Any]
) -> Iterator[list[Any]]:
    """Yield [key, *values], as a store does, of the query's rows that have the keys.

    The values are those of expressions, before what fields do themselves.
    """
    query.where.add(key.target.get_lookup("in")(key, keys), AND)
    selected = [key, *values]
    query.clear_select_clause()
    query.select = tuple(selected)
    compiler = query.get_compiler(connection=store)
    try:
        plan = compiler.plan_locally()
    except EmptyResultSet:
        return
    converters = [local_converters(store, each) for each in selected]
    for chunk in plan.chunks():
        for row in chunk:
            yield [
                converted(value, converters[index], each, store)
                for index, (value, each) in enumerate(zip(row, selected, strict=False))
            ]


def local_converters(store: Any, expression: Any) -> list[Any]:
    """Return what makes values of the local engine those that the store would give.

    The local engine has fewer types: durations are numbers there.
    """
    local = store.local_engine.wrapper
    own = expression.get_db_converters(store)
    others = [each for each in expression.get_db_converters(local) if each not in own]
    return [*local.ops.get_db_converters(expression), *others]


def converted(value: Any, converters: list[Any], expression: Any, store: Any) -> Any:
    """Return a value of the local engine as Django's converters make it."""
    for convert in converters:
        value = convert(value, expression, store)
    return value
