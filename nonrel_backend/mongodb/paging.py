"""The first rows of an order whose first column alone has an index.

The server would sort all documents. What comes first is found by the index: the value
of the last row wanted bounds what is to be sorted, as incremental sorts of SQL do.
"""

from datetime import datetime
from itertools import chain, groupby
from operator import itemgetter
from time import monotonic
from types import NoneType
from typing import Any

from bson import Int64, ObjectId

from ..microseconds import shown
from .reading import other_forms

# A page of more rows is not held in memory.
MOST_ROWS = 1_000
# The server sorts fewer documents about as fast as it answers one more question (an
# estimate).
LEAST_ROWS = 5_000
# How many more documents than are wanted are read at first, as they may be equal.
MORE = 50
# The types of values that Python orders, and finds equal, as the server does.
COMPARED = {int, str, datetime, ObjectId, NoneType}
# For how many seconds a collection is taken to have as many documents.
SECONDS = 300


def page(query: Any, low: int, high: int | None) -> list[dict[str, Any]] | None:
    """Return the documents `low` to `high` of an ordered query without a filter.

    Return None where an index serves the whole order, or none of it.
    """
    if high is None or not applies(query, high):
        return None
    equal = with_equal(query, high)
    if equal is not None:
        return equal[low:high] if len(equal) > low else None
    bound = bounded(query, high)
    if bound is None:
        return None
    found = query.find(bound, query.projection(), low, high - low)
    documents = [*chain.from_iterable(found)]
    # Fewer if rows were deleted meanwhile: those behind the bound are missing.
    return documents if len(documents) == high - low else None


def with_equal(query: Any, high: int) -> list[dict[str, Any]] | None:
    """Return the first documents and those that are equal to the last by the first
    column, in order; None if these may be more than MORE, or the order is not by the
    key after that.
    """
    (key, way), *others = query.sort
    place = query.table, key
    if [name for name, _ in others] != ["_id"] or place in query.connection.many_equal:
        return None
    wanted = query.projection()
    projection = None if wanted is None else wanted | {key: 1, "_id": 1}

    def find(session: Any) -> list[dict[str, Any]]:
        cursor = query.collection.find({}, projection, session=session)
        return list(cursor.sort(key, way).limit(high + MORE))

    found = query.connection.statement(find)
    values = [each.get(key) for each in found]
    kinds = {kind_of(each["_id"]) for each in found}
    if len(kinds) > 1 or not kinds | {*map(kind_of, values)} <= COMPARED:
        return None
    if len(found) == high + MORE and values[high - 1] == values[-1]:
        query.connection.many_equal.add(place)
        return None
    ((_, other_way),) = others
    return [
        document
        for _, same in groupby(found, lambda each: each.get(key))
        for document in sorted(same, key=itemgetter("_id"), reverse=other_way < 0)
    ]


def kind_of(value: Any) -> type:
    """Return the type of a value, int for all whole numbers."""
    return int if type(value) is Int64 else type(value)


def applies(query: Any, high: int) -> bool:
    """Return whether the first `high` rows are found by a bound."""
    return (
        high <= MOST_ROWS
        and not query.filters
        and serves_first(query)
        and about_rows(query) >= LEAST_ROWS
    )


def about_rows(query: Any) -> int:
    """Return about how many documents the collection has had in the last minutes."""
    estimates = query.connection.row_estimates
    rows, when = estimates.get(query.table, (0, None))
    if when is None or monotonic() - when > SECONDS:
        collection = query.collection
        rows = query.connection.statement(
            lambda session: collection.estimated_document_count()
        )
        estimates[query.table] = rows, monotonic()
    return rows


def bounded(query: Any, high: int) -> dict[str, Any] | None:
    """Return a filter that the first `high` rows satisfy, by the index of the first
    column; None if there are not so many, or no comparison is such a filter.
    """
    key, way = query.sort[0]

    def find(session: Any) -> dict[str, Any] | None:
        cursor = query.collection.find({}, {key: 1, "_id": 0}, session=session)
        return next(cursor.sort(key, way).skip(high - 1).limit(1), None)

    last = query.connection.statement(find)
    if last is None:
        return None
    value = last.get(key)
    if value is None:  # NULLs come first if they ascend
        return {key: None} if way == 1 else None
    if value != value:  # NaN
        return None
    return {key: {"$not": {"$gt": value}} if way == 1 else {"$gte": value}}


def serves_first(query: Any) -> bool:
    """Return whether an index has the first column of the order, and none has all."""
    connection, table, meta = query.connection, query.table, query.meta
    columns = shown(dict(query.sort))
    if len(columns) < 2 or columns[0] == "_id" or connection.is_foreign(table):
        return False
    if columns[0] in other_forms(connection, table):
        return False  # comparisons are within one type
    indexes = indexes_of(meta)
    return any(each[:1] == columns[:1] for each in indexes) and not any(
        each[: len(columns)] == columns for each in indexes
    )


def is_indexed(query: Any, column: str) -> bool:
    """Return whether an index begins with a column."""
    if query.connection.is_foreign(query.table):
        return False
    return any(each[:1] == [column] for each in indexes_of(query.meta))


def indexes_of(meta: Any) -> list[list[str]]:
    """Return the columns of the indexes that a model has, without conditions."""
    indexes = [
        [field.column]
        for field in meta.local_concrete_fields
        if field.db_index or (field.unique and not field.null)
    ]
    for index in meta.indexes:
        names = [name for name, _ in index.fields_orders]
        if index.condition is None and all("__" not in name for name in names):
            indexes.append([meta.get_field(name).column for name in names])
    return indexes
