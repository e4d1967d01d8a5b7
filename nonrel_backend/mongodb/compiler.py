"""The five compilers for MongoDB: values, inserts and their keys."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial, wraps
from typing import Any, TypeVar, cast

from bson import ObjectId
from django.conf import settings
from django.db import IntegrityError, OperationalError
from django.db.models.constants import OnConflict
from pymongo.errors import BulkWriteError, DuplicateKeyError

from ..compiler import (
    NonrelAggregateCompiler,
    NonrelCompiler,
    NonrelDeleteCompiler,
    NonrelInsertCompiler,
    NonrelUpdateCompiler,
)
from ..microseconds import hidden, shown
from ..query import safe_call
from ..transactions import TransactionConflict
from . import writes
from .deadlines import limited
from .depth import limited_depth
from .keys import highest_key
from .partials import is_presence
from .precision import require_one_precision
from .query import BackendQuery
from .reading import leaf_reader
from .uniques import Keys, unique_indexes
from .values import FROM_BSON, TO_BSON

# A row as {column: stored value}; a document has the primary key under "_id".
Row = dict[str, Any]
Method = TypeVar("Method", bound=Callable[..., Any])

CONVERTERS = {
    **TO_BSON,
    **{name: limited_depth(TO_BSON[name]) for name in ("json", "document")},
}
TAKEN = (
    "Another program has given a row of {table} the key of a new one, and MongoDB has "
    "rolled back the transaction: begin the outermost atomic() block again, as "
    "nonrel_backend.transactions.retry_transaction does."
)


def unchanged(value: Any) -> Any:
    return value


def in_one_deadline(method: Method) -> Method:
    """Let a statement that sends several commands end at one deadline in all."""

    @wraps(method)
    def run(self: Any, *arguments: Any) -> Any:
        with limited(self.store.db_connection):
            return method(self, *arguments)

    return cast(Method, run)


class SQLCompiler(NonrelCompiler):
    query_class = BackendQuery
    fetched = in_one_deadline(NonrelCompiler.fetched)
    first_row = in_one_deadline(NonrelCompiler.first_row)

    def convert_value_for_db(self, db_type: str | None, value: Any) -> Any:
        if value is None and db_type != "json":
            return None
        return self.for_db_converter(db_type)(value)

    def for_db_converter(self, db_type: str | None) -> Callable[[Any], Any]:
        return CONVERTERS.get(db_type or "", unchanged)

    def convert_value_from_db(self, db_type: str | None, value: Any) -> Any:
        convert = self.from_db_converter(db_type)
        return value if convert is None else convert(value)

    def from_db_converter(self, db_type: str | None) -> Callable[[Any], Any] | None:
        if db_type == "datetime" and settings.USE_TZ:
            zone = self.store.timezone
            return lambda value: value.replace(tzinfo=zone)
        return FROM_BSON.get(db_type or "")

    def leaf_from_db_converter(
        self, db_type: str | None
    ) -> Callable[[Any], Any] | None:
        return leaf_reader(self.store, db_type, self.from_db_converter(db_type))


class SQLInsertCompiler(NonrelInsertCompiler, SQLCompiler):  # type: ignore[misc]
    def insert_columns(self, meta: Any, columns: dict, count: int) -> dict:
        # Of one row from the start: a new process reads first what is stored of the
        # table, and then takes a key.
        with limited(self.store.db_connection, is_small=count == 1):
            auto = meta.auto_field
            if auto is not None and auto not in columns:
                hidden = self.store.hidden_fields(meta)
                if any(auto.column in each.columns for each in hidden):
                    columns[auto] = self.new_keys(meta, count)
            return super().insert_columns(meta, columns, count)

    @safe_call
    def insert(self, data: Row, return_id: bool = False) -> Any:
        return self.insert_many([data], return_id)[0]

    @safe_call
    def insert_many(self, rows: list[Row], return_ids: bool) -> list:
        table = self.query.get_meta().db_table
        write = partial(writes.insert_documents, self.store, table)
        keys, _ = self.with_keys(rows, write)
        return keys

    def with_keys(
        self, rows: list[Row], write: Callable[[list[Row], Keys], Any]
    ) -> tuple[list, Any]:
        """Give the rows keys; return them and `write(documents, but)`.

        `but` is the keys of a unique index that allows the documents. Retry once with
        new keys if keys of the sequence turn out to be taken.
        """
        given = list(map(dict, rows))
        but = ("_id",) if self.makes_unique_keys(rows) else ()
        documents, keys = self.documents(rows)
        try:
            return keys, write(documents, but)
        except (IntegrityError, DuplicateKeyError, BulkWriteError) as error:
            table = self.query.get_meta().db_table
            aborted = self.store.transaction.aborted
            if not self.collided(table, given, keys):
                raise
            if aborted:
                raise TransactionConflict(TAKEN.format(table=table)) from error
        documents, keys = self.documents(given)
        return keys, write(documents, but)

    def makes_unique_keys(self, rows: list[Row]) -> bool:
        """Return whether the keys of all rows will be new ones, which no row has.

        In a block the server is asked whether the keys of a sequence are taken.
        """
        meta = self.query.get_meta().concrete_model._meta
        return (
            meta.auto_field is not None
            and self.store.transaction.is_open
            and not any(meta.pk.column in row for row in rows)
        )

    def collided(self, table: str, given: list[Row], keys: list) -> bool:
        """Return whether a key of the sequence was taken, as by another program.

        If one was, advance the sequence past all keys.
        """
        pk = self.query.get_meta().pk.column
        generated = [
            key for row, key in zip(given, keys, strict=False) if pk not in row
        ]
        if not generated:
            return False
        look = partial(highest_key, self.store.primary[table], {"$in": generated})
        if self.store.transaction.aborted:
            last = look(None)
        else:
            last = self.store.statement(look)
        if last is not None:
            self.store.sequences.restart(table, last)
        return last is not None

    @safe_call
    def insert_on_conflict(
        self,
        rows: list[Row],
        on_conflict: OnConflict,
        unique_columns: list[str],
        update_columns: list[str],
    ) -> list[Row]:
        meta = self.query.get_meta().concrete_model._meta
        if on_conflict == OnConflict.IGNORE:
            self.insert_ignoring(meta, rows)
            return []
        unique = self.conflict_target(meta, unique_columns)
        precision = self.store.precision(meta)
        changed = [
            *update_columns,
            *(hidden(name) for name in update_columns if name in precision.columns),
        ]

        def complete(documents: list[Row]) -> list[Row]:
            rows = self.with_columns(meta, documents)
            return list(map(precision.changes, self.completed(meta, rows)))

        _, stored = self.with_keys(
            rows,
            lambda documents, but: writes.upsert_documents(
                self.store, meta.db_table, documents, unique, changed, complete, but
            ),
        )
        return self.with_columns(meta, stored)

    def with_columns(self, meta: Any, documents: list[Row]) -> list[Row]:
        """Return copies of documents with the key's column and whole datetimes."""
        precision = self.store.precision(meta)
        copy = deepcopy if precision.documents else dict
        rows: list[Row] = list(map(copy, documents))
        precision.join(rows, precision.columns)
        for row in rows:
            row[meta.pk.column] = row["_id"]
        return rows

    def insert_ignoring(self, meta: Any, rows: list[Row]) -> None:
        """Insert the rows that break no unique index."""
        if self.makes_unique_keys(rows):
            self.with_keys(
                rows, partial(writes.insert_ignoring, self.store, meta.db_table)
            )
            return
        given = list(map(dict, rows))
        documents, keys = self.documents(rows)
        if self.collided(meta.db_table, given, keys):
            documents, _ = self.documents(given)
        writes.insert_ignoring(self.store, meta.db_table, documents)

    def conflict_target(self, meta: Any, columns: list[str]) -> list[str]:
        """Return the keys of the unique index on these columns, all of a datetime.

        Raise OperationalError, as SQLite does, if there is none.
        """
        self.store.require_table(meta.db_table)
        precision = self.store.precision(meta)
        wanted = set(map(precision.key, columns))
        if wanted == {field.column for field in meta.pk_fields}:
            wanted = {"_id"}
        for keys, condition in unique_indexes(self.store, meta.db_table):
            # NULLs, which a condition may exclude, are never equal anyway.
            if wanted == set(shown(keys)) and all(
                map(is_presence, (condition or {}).values())
            ):
                hides = keys == ("_id",) and precision.pk in precision.moments
                return [*keys, hidden("_id")] if hides else list(keys)
        raise OperationalError(
            f"{meta.db_table} has no unique index on {', '.join(columns)}: "
            "name the fields of one in unique_fields."
        )

    def documents(self, rows: list[Row]) -> tuple[list[Row], list]:
        """Return the documents of the rows, and their keys in the same order.

        Rows without a key get one, from the sequence or a new ObjectId. There are no
        keys to return for a composite key, which a row always has.
        """
        meta = self.query.get_meta().concrete_model._meta
        precision = self.store.precision(meta)
        if precision.references:
            for row in rows:
                require_one_precision(self.store, meta, row)
        columns = [field.column for field in meta.pk_fields]
        if len(columns) > 1:
            rows = list(map(precision.split, rows))
            for row in rows:
                row["_id"] = precision.composite_key(columns, row)
            return rows, []
        (column,) = columns
        if meta.auto_field is not None:
            self.complete_keys(meta, rows, column)
        keys = [row[column] for row in rows]
        documents = []
        for row in map(precision.split, rows):
            document = {"_id": row.pop(column), **row}
            if column in precision.moments and hidden(column) in document:
                document[hidden("_id")] = document.pop(hidden(column))
            documents.append(document)
        return documents, keys

    def complete_keys(self, meta: Any, rows: list[Row], column: str) -> None:
        """Generate the keys that rows lack; advance the sequence past those given."""
        missing = [row for row in rows if column not in row]
        given = [row[column] for row in rows if column in row]
        if given and all(type(key) is int for key in given):
            self.store.sequences.advance(meta.db_table, max(given))
        if not missing:
            return
        for row, key in zip(missing, self.new_keys(meta, len(missing)), strict=True):
            row[column] = key

    def new_keys(self, meta: Any, count: int) -> list:
        """Return new keys for the automatic field."""
        if meta.auto_field.db_type(self.store) == "objectId":
            return [ObjectId() for _ in range(count)]
        keys: list = self.store.sequences.next(meta.db_table, count)
        return keys


class SQLUpdateCompiler(NonrelUpdateCompiler, SQLCompiler):  # type: ignore[misc]
    update_by = in_one_deadline(NonrelUpdateCompiler.update_by)


class SQLDeleteCompiler(NonrelDeleteCompiler, SQLCompiler):  # type: ignore[misc]
    delete_by = in_one_deadline(NonrelDeleteCompiler.delete_by)


class SQLAggregateCompiler(NonrelAggregateCompiler, SQLCompiler):
    pass
