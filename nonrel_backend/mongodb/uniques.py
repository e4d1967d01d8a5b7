"""Unique indexes: the rows of a batch that the server would refuse, and why."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

from bson import Binary, Decimal128
from django.db import IntegrityError, ProgrammingError

from ..microseconds import hidden, shown, whole
from .errors import one_a_millisecond
from .hidden_keys import SUFFIX, is_hidden_key
from .long_lists import batches_of, size_of
from .rewriting import GROUPS, keys_in, list_indexes

Document = dict[str, Any]
Keys = tuple[str, ...] | list[str]
# How many rows one find() looks for.
LOOKUP_BATCH = 1_000


class Uniques:
    """The owners of unique values: stored rows, and one by one those to be written.

    `rows` are all rows to be written. The indexes with the keys `but` are left out.
    """

    def __init__(
        self,
        connection: Any,
        table: str,
        rows: list[Document],
        session: Any,
        *but: Keys,
    ) -> None:
        self.table = table
        self.indexes = [
            (keys, condition)
            for keys, condition in unique_indexes(connection, table)
            if set(keys) not in map(set, but)
        ]
        self.owners: list[dict[Any, Any]] = [{} for _ in self.indexes]
        collection = connection.primary[table]
        columns = unique_columns(connection, table)
        names = [key for keys, _ in self.indexes for key in keys]
        for batch in lookup_batches(rows, names):
            filters = self.filters(batch)
            if filters:
                for document in collection.find(
                    {"$or": filters},
                    columns,
                    session=session,
                    batch_size=LOOKUP_BATCH + 1,
                ):
                    for owners, mark in self.marks(document):
                        owners[mark] = identity(document)

    def filters(self, rows: list[Document]) -> list[Document]:
        """Return filters for the documents with the same unique values as the rows.

        They find datetimes of the same millisecond, too.
        """
        found = []
        for keys, condition in self.indexes:
            held = [row for row in rows if applies(condition, row)]
            if held:
                filter_ = same_keys(held, shown(keys))
                found.append({"$and": [filter_, condition]} if condition else filter_)
        return found

    def marks(self, row: Document) -> list[tuple[dict, Any]]:
        """Return [(owners of an index, (its keys, the row's values in it))]."""
        return [
            (owners, (keys, mark_of(row, keys)))
            for (keys, condition), owners in zip(self.indexes, self.owners, strict=True)
            if applies(condition, row)
        ]

    def put(self, old: Document | None, row: Document) -> Keys | None:
        """Note that the row takes the place of `old`, or is new if that is None.

        Return None, or the keys of the unique index that does not allow the row.
        """
        marks = self.marks(row)
        for owners, mark in marks:
            if owners.get(mark, identity(row)) != identity(row) or (
                old is None and mark in owners
            ):
                return mark[0]
        for owners, mark in self.marks(old) if old is not None else ():
            if owners.get(mark) == identity(row):
                del owners[mark]
        for owners, mark in marks:
            owners[mark] = identity(row)
        return None

    def require(self, old: Document | None, row: Document) -> None:
        """Call put(); raise IntegrityError if an index does not allow the row."""
        keys = self.put(old, row)
        if keys is not None:
            names = shown(keys)
            columns = ", ".join(f"{self.table}.{name}" for name in names)
            if is_hidden_key(names[0]):
                columns = f"index '{names[0].rpartition(SUFFIX)[0]}'"
            values = tuple(
                whole(lookup(row, name), lookup(row, hidden(name))) for name in names
            )
            raise IntegrityError(
                f"UNIQUE constraint failed: {columns} (duplicate {values!r})"
                + one_a_millisecond(row, names)
            )


def unique_indexes(connection: Any, table: str) -> list[tuple[tuple[str, ...], Any]]:
    """Return the unique indexes, [(document keys, partial filter or None)].

    The first is that of `_id`. They are cached on the connection until DDL runs there.
    Raise ProgrammingError if there is no such collection: MongoDB itself would answer
    as if it were empty, and create it at a write.
    """
    known = connection.known_unique_indexes
    if table not in known:
        database = connection.primary
        indexes = list_indexes(database[table])
        if not indexes and not database.list_collection_names(filter={"name": table}):
            connection.known_entries.pop(table, None)  # another process may make it
            raise ProgrammingError(
                f"no such table: {table} (the database has no collection of that "
                "name; run migrate)"
            )
        known[table] = [
            (("_id",), None),
            *(
                (tuple(index["key"]), condition_of(index))
                for index in indexes
                if index.get("unique")
                and list(index["key"]) != ["_id"]
                # A sparse index holds the rows with any of its keys: no condition
                # says so. The server finds duplicates in one of several keys.
                and not (index.get("sparse") and len(index["key"]) > 1)
            ),
        ]
    return known[table]


def condition_of(index: Document) -> Document | None:
    """Return the filter for the documents that an index holds, None for all."""
    if index.get("sparse"):
        return dict.fromkeys(index["key"], {"$exists": True})
    return index.get("partialFilterExpression")


def unique_columns(connection: Any, table: str) -> dict[str, int]:
    """Return the projection of all that the unique indexes depend on."""
    columns = {"_id": 1}
    for keys, condition in unique_indexes(connection, table):
        columns |= dict.fromkeys([*keys, *keys_in(condition)], 1)
    return columns


def lookup_batches(rows: Iterable[Document], keys: Keys) -> Iterator[list[Document]]:
    """Yield rows in lists that one find() takes, which looks for those keys' values."""
    return batches_of(
        rows,
        length=LOOKUP_BATCH,
        size=lambda row: sum(size_of(lookup(row, key)) for key in keys),
    )


def same_keys(rows: Iterable[Document], keys: Keys) -> Document:
    """Return the filter for documents with the same values of `keys` as a row."""
    if len(keys) == 1:
        return {keys[0]: {"$in": [lookup(row, keys[0]) for row in rows]}}
    return {"$or": [{key: {"$eq": lookup(row, key)} for key in keys} for row in rows]}


def lookup(document: Any, path: str) -> Any:
    """Return the value at a dotted path, None if there is none."""
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def identity(row: Document) -> Any:
    """Return the `_id` in a form that is hashable."""
    return comparable(row["_id"])


def mark_of(row: Document, keys: Keys) -> tuple:
    """Return the values of the keys, equal and hashed as the server compares them."""
    return tuple(comparable(lookup(row, key)) for key in keys)


def comparable(value: Any) -> Any:
    """Return a value that is equal and hashed as the server compares values."""
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, UUID):
        value = Binary.from_uuid(value)
    if isinstance(value, dict | list) or value != value:  # or NaN
        return repr(value)
    return value


def in_order(value: Any) -> Any:
    """Return what sorts as the server does: binary values by their length first."""
    if isinstance(value, Decimal128):
        return value.to_decimal()
    value = comparable(value)
    return (len(value), value) if isinstance(value, bytes) else value


def applies(condition: Document | None, row: Document) -> bool:
    """Return whether a partial index holds the row. If unsure, return True."""
    return all(holds(key, part, row) for key, part in (condition or {}).items())


def holds(key: str, part: Any, row: Document) -> bool:
    if key in GROUPS:
        return GROUPS[key](applies(each, row) for each in part)
    operators = part.items() if isinstance(part, dict) else [("$eq", part)]
    value = lookup(row, key)
    return all(meets(operator, value, wanted) for operator, wanted in operators)


def meets(operator: str, value: Any, wanted: Any) -> bool:
    """Return whether a value satisfies an operator of a partial filter."""
    test = TESTS.get(operator)
    if test is None:
        return True
    if operator not in ("$exists", "$in", "$type"):
        value, wanted = in_order(value), in_order(wanted)
    try:
        return test(value, wanted)
    except TypeError:  # values of different types
        return False


TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "$exists": lambda value, wanted: (value is not None) == wanted,
    "$type": lambda value, wanted: value is not None,  # see indexes.NOT_NULL
    "$eq": lambda value, wanted: value == wanted,
    "$gt": lambda value, wanted: value > wanted,
    "$gte": lambda value, wanted: value >= wanted,
    "$lt": lambda value, wanted: value < wanted,
    "$lte": lambda value, wanted: value <= wanted,
    "$in": lambda value, wanted: comparable(value) in map(comparable, wanted),
}
