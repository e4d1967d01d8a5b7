"""BackendQuery: one scan of one MongoDB collection."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import chain, islice
from typing import Any

from bson import MinKey
from django.db import NotSupportedError
from django.utils.functional import cached_property
from pymongo import UpdateMany
from pymongo.errors import OperationFailure

from ..conditions import Column, Condition
from ..microseconds import cut, exact, hidden, ordered_by
from ..planner.expressions import expression_text
from ..query import CHUNK, PREFILTER, safe_call
from ..text import brief
from . import writes
from .aggregating import BATCH_SIZE, AggregatingMixin
from .aggregation import Pipeline
from .distinct import values_of
from .expressions import Expression, Expressions, result_converter
from .filters import (
    FloatKey,
    MemberKey,
    MomentKey,
    NumberedKey,
    require_ordered,
    to_filter,
)
from .foreign import refusal
from .key_forms import compound_forms, key_columns, with_all_forms
from .long_lists import (
    IN_SEVERAL,
    LEAST_BYTES,
    MOST_BYTES,
    batches_of,
    parts_of,
    size_of,
    size_of_lists,
    too_long,
)
from .naming import column_name
from .odd_names import is_odd
from .paging import about_rows, page
from .paths import dotted, superset
from .plans import explained
from .reading import READERS, Reader, begun, other_forms
from .uniques import identity
from .updating import update_document


class BackendQuery(AggregatingMixin):
    """One `find()`, `aggregate()`, update or delete on one collection."""

    changes_documents = True

    def __init__(self, compiler: Any, fields: Sequence[Any]) -> None:
        super().__init__(compiler, fields)
        pk = self.meta.pk
        self.pk_column: str | None = None if pk is None else pk.column
        self.filters: list[dict[str, Any]] = []
        self.sort: list[tuple[str, int]] = []
        self.pipeline: Pipeline | None = None
        self.computed: dict[str, Expression] = {}
        # The filters, besides `filter`, of several commands that find the rows: one
        # that holds more values than a command; and the bytes of others' values.
        self.parts: list[dict[str, Any]] = []
        self.bytes_of_lists = 0
        self.precision = self.connection.precision(self.meta)
        # The columns of a composite key, which foreign documents hold in the `_id`.
        self.members: set[str] = set()
        if len(self.meta.pk_fields) > 1 and self.connection.is_foreign(self.table):
            self.members = {each.column for each in self.meta.pk_fields}

    @property
    def collection(self) -> Any:
        """The pymongo collection that holds the table's rows."""
        return self.connection.collection(self.table)

    def key(self, column: str) -> str:
        """Return the key under which documents hold a column."""
        if is_odd(column):
            raise NotSupportedError(
                f"MongoDB reads the column {column!r} as a path or an operator"
            )
        if column in self.members:
            return MemberKey(f"_id.{column}")
        return self.precision.key(column)

    def key_of(self, column: Column) -> str:
        key = self.key(column.name)
        if column.db_type == "bool" and self.may_have_numbers(key):
            return NumberedKey(key)
        if column.db_type == "double" and self.connection.is_foreign(self.table):
            return FloatKey(key)
        if column.name in self.precision.moments:
            return MomentKey(key)
        return key

    def may_have_numbers(self, key: str) -> bool:
        """Return whether numbers are looked for among the booleans of a column.

        So they are in collections of other programs, and where some have been read:
        an index with a condition on true or false does not serve such a filter.
        """
        if self.connection.is_foreign(self.table):
            return True
        return key in other_forms(self.connection, self.table)

    @property
    def filter(self) -> dict[str, Any]:
        """The filter document of all conditions added so far."""
        if len(self.filters) == 1:
            return self.filters[0]
        return {"$and": self.filters} if self.filters else {}

    # --- reading ---

    @safe_call
    def add_filters(self, condition: Condition) -> object | None:
        if self.connection.is_foreign(self.table):
            columns = key_columns(self.connection, self.meta)
            condition = with_all_forms(condition, columns)
        answer = None
        if self.precision.columns:
            wider = superset(condition)
            answer = None if wider is condition else PREFILTER
            condition = exact(wider, self.precision.columns)
        size = size_of_lists(condition)
        if size and self.bytes_of_lists + size > MOST_BYTES:
            self.filter_in_parts(condition)
            return answer
        self.bytes_of_lists += size
        self.filters.append(to_filter(condition, self.key_of))
        return answer

    def filter_in_parts(self, condition: Condition) -> None:
        """Filter by a condition that holds more values than one command.

        Raise NotSupportedError if several commands do not give the same rows.
        """
        if self.parts or self.sort or self.pipeline or self.first_rows or self.ranking:
            raise NotSupportedError(too_long(condition))
        most = max(MOST_BYTES - self.bytes_of_lists, LEAST_BYTES)
        parts = parts_of(condition, most)
        self.parts = [to_filter(part, self.key_of) for part in parts]
        self.bytes_of_lists = MOST_BYTES

    def commands(self) -> list[dict[str, Any]]:
        """Return the filters of the commands that find the rows."""
        if not self.parts:
            return [self.filter]
        return [{"$and": [*self.filters, part]} for part in self.parts]

    def require_one_command(self, task: str) -> None:
        """Raise NotSupportedError if the rows are found by several commands."""
        if self.parts:
            raise NotSupportedError(f"MongoDB does not {task} {IN_SEVERAL}")

    def order_by(self, ordering: list[tuple[str, bool]]) -> None:
        self.order_by_columns(
            [(Column(name, self.db_type(name) or ""), up) for name, up in ordering]
        )

    def order_by_columns(self, ordering: list[tuple[Column, bool]]) -> None:
        self.require_one_command("order")
        keys = []
        for column, ascending in ordered_by(ordering, self.precision.columns):
            require_ordered(column)
            if column.is_many or any(type(step) is not str for step in column.path):
                raise NotSupportedError(
                    f"MongoDB does not order by {column_name(column)}, which leads "
                    "through a list"
                )
            if column.db_type in ("raw", "document"):
                raise NotSupportedError(
                    f"MongoDB orders values of mixed types, as {column_name(column)} "
                    "may hold, otherwise than SQLite"
                )
            key = dotted(self.key(column.name), column.path)
            if key != hidden("_id"):  # no two rows have the same `_id`
                keys.append((key, 1 if ascending else -1))
        self.sort = keys

    @safe_call
    def fetch(self, low_mark: int, high_mark: int | None) -> Iterator[dict[str, Any]]:
        pk_column = self.pk_column
        for document in chain.from_iterable(self.documents(low_mark, high_mark)):
            if pk_column is not None and "_id" in document:
                document[pk_column] = document["_id"]
            yield document

    def documents(
        self, low_mark: int, high_mark: int | None
    ) -> Iterator[list[dict[str, Any]]]:
        """Return what fetch() yields in lists, with the primary key as `_id` alone."""
        if high_mark is not None and high_mark <= low_mark:
            return iter(())
        found: Iterator[list[dict[str, Any]]]
        if self.parts:
            documents = islice(self.find_in_parts(), low_mark, high_mark)
            found = iter(lambda: list(islice(documents, CHUNK)), [])
        elif self.first_rows is not None:
            found = self.first_rows.find(self, low_mark, high_mark)
        elif (rows := page(self, low_mark, high_mark)) is not None:
            found = iter([rows])
        else:
            limit = 0 if high_mark is None else high_mark - low_mark
            found = self.find(self.filter, self.projection(), low_mark, limit)
        first = next(found, None)
        if first is None:
            self.connection.require_table(self.table)
            return iter(())
        return map(self.completed, chain([first], found))

    def completed(self, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the documents, completed in place where their table asks for it."""
        for asked, complete in (
            (self.computed, self.with_computed),
            (self.members, self.with_members),
        ):
            if asked:
                for document in documents:
                    complete(document)
        if self.precise:
            self.precision.join(documents, self.precise)
        return documents

    def find(
        self,
        filter_: dict[str, Any],
        projection: dict[str, Any] | None,
        skip: int = 0,
        limit: int = 0,
    ) -> Iterator[list[dict[str, Any]]]:
        """Return what a find() finds in lists, the first of which is fetched."""
        collection = self.collection

        def find(session: Any) -> Iterator[list[dict[str, Any]]]:
            cursor = collection.find(
                filter_,
                projection,
                skip=skip,
                limit=limit,
                sort=self.sort or None,
                session=session,
                batch_size=BATCH_SIZE if limit == 0 or limit > BATCH_SIZE else 0,
            )
            return begun(cursor, CHUNK)

        found: Iterator[list[dict[str, Any]]] = self.connection.statement(find)
        return found

    def find_in_parts(self) -> Iterator[dict[str, Any]]:
        """Yield the documents of all parts, each once: a collation may make values of
        two parts equal.
        """
        projection = self.projection()
        if projection is not None:
            projection["_id"] = 1
        seen: set[Any] = set()
        for part in self.commands():
            for document in chain.from_iterable(self.find(part, projection)):
                if (key := identity(document)) not in seen:
                    seen.add(key)
                    yield document

    @cached_property
    def precise(self) -> list[str]:
        """The columns to fetch that have hidden ones."""
        columns = self.precision.columns
        return [each.column for each in self.fields if each.column in columns]

    def fetch_lists(
        self,
        columns: list[str],
        absent: list[Any],
        low_mark: int,
        high_mark: int | None,
    ) -> Iterator[list[Any]]:
        return self.fetch_converted(columns, absent, low_mark, high_mark, ())

    @safe_call
    def fetch_converted(
        self,
        columns: list[str],
        absent: list[Any],
        low_mark: int,
        high_mark: int | None,
        converting: Iterable[tuple[int, Callable[[Any], Any]]],
        of_none: Collection[int] = (),
    ) -> Iterator[list[Any]]:
        reader = Reader(self, columns, absent, converting, of_none)
        documents = self.documents(low_mark, high_mark)
        chunk = next(documents, None)
        snapshot = self.connection.transaction.snapshot if chunk else None
        while chunk:
            yield reader.rows(chunk)
            self.connection.require_transaction(snapshot)
            chunk = next(documents, None)

    def converters(self, fields: Sequence[Any]) -> list[Callable[[Any], Any] | None]:
        found = super().converters(fields)
        forms = other_forms(self.connection, self.table)
        for index, field in enumerate(fields):
            make = READERS.get(self.connection.type_of(field))
            if make is not None:
                column = field.column
                key = column if is_odd(column) else self.key(column)
                add, refuse = partial(forms.add, key), partial(self.refuse, field)
                found[index] = make(field, add, refuse)
        return found

    def refuse(self, field: Any, value: Any, reason: str) -> None:
        """Raise DataError for a stored value that the field cannot hold."""
        key = self.connection.key_of_value(self.table, field.column, value)
        raise refusal(self.table, key, field, value, reason)

    def projection(self) -> dict[str, Any] | None:
        """Return what to fetch of each document, None for all of it."""
        if (
            len(self.fields) == len(self.meta.local_concrete_fields)
            and not self.computed
        ):
            return None
        if any(is_odd(field.column) for field in self.fields):
            return None
        wanted: dict[str, Any] = {
            "_id" if field.column in self.members else self.key(field.column): 1
            for field in self.fields
        }
        wanted |= {self.key(hidden(name)): 1 for name in self.precise}
        wanted.setdefault("_id", 0)
        wanted |= {name: found.value for name, found in self.computed.items()}
        return wanted

    def compute(self, expressions: dict[str, Any]) -> None:
        translate = Expressions(self)
        computed = {name: translate(each) for name, each in expressions.items()}
        for name, found in computed.items():
            if found.db_type == "json":
                raise NotSupportedError(
                    "MongoDB does not return SQL's NULL and JSON's null apart for "
                    f"{expression_text(expressions[name])}"
                )
        self.computed = computed

    def with_members(self, document: dict[str, Any]) -> None:
        """Give a document the columns of its compound key, in place."""
        key = document.get("_id")
        if isinstance(key, dict):
            document |= {name: key[name] for name in self.members if name in key}

    def with_computed(self, document: dict[str, Any]) -> None:
        """Make the computed values of a document Python values, in place."""
        for name, found in self.computed.items():
            value = document.get(name)
            convert = result_converter(self.compiler, found.db_type)
            if value is not None and convert is not None:
                document[name] = convert(value)

    @safe_call
    def count(self, limit: int | None = None) -> int:
        if self.parts:
            return super().count(limit)
        self.connection.ensure_connection()
        in_block = self.connection.transaction.is_open
        if not self.filters and limit is None and not in_block:
            count = self.count_all()
        else:
            count = self.count_documents({} if limit is None else {"limit": limit})
        if count == 0:
            self.connection.require_table(self.table)
        return count

    def count_documents(self, options: dict[str, Any]) -> int:
        return self.connection.statement(
            lambda session: self.collection.count_documents(
                self.filter, session=session, **options
            )
        )

    def count_all(self) -> int:
        """Return the number of all documents, outside of a transaction.

        The server's estimate is instant, but counts others' open transactions. A count
        of the whole index of `_id` does not.
        """
        command = {"query": {"_id": {"$gte": MinKey()}}, "hint": {"_id": 1}}
        try:
            found = self.connection.database.command("count", self.table, **command)
        except OperationFailure:  # a time-series collection has no such index
            return self.count_documents({})
        # A clustered collection has none either: the server finds nothing in it.
        return found["n"] or self.count_documents({})

    @safe_call
    def about_rows(self) -> int:
        return about_rows(self)

    @safe_call
    def distinct_values(self) -> list[Any] | None:
        return values_of(self)

    # --- writing ---

    @safe_call
    def delete(self) -> int:
        self.require_one_command("delete")
        return self.delete_documents(self.filter)

    def delete_documents(self, filter_: dict[str, Any]) -> int:
        deleted = writes.delete_documents(self.connection, self.table, filter_)
        if deleted == 0:
            self.connection.require_table(self.table)
        return deleted

    @safe_call
    def update(self, values: dict[str, Any]) -> int:
        self.require_one_command("update")
        filter_ = self.filter
        update = update_document(self, filter_, values)
        return writes.update_documents(self.connection, self.table, filter_, update)

    @safe_call
    def update_rows(self, rows: list[tuple[Any, dict[str, Any]]]) -> int:
        updates = []
        for key, values in rows:
            stored = self.stored_key(key)
            by_key = {"_id": {"$in": [*compound_forms(stored)]}}
            updates.append((stored, update_document(self, by_key, values)))
        parts = list(batches_of(updates, size=lambda update: size_of(update[0])))
        if len(parts) == 1:
            return writes.update_keys(self.connection, self.table, updates)
        update_part = partial(writes.update_keys, self.connection, self.table)
        return self.connection.all_or_nothing(lambda: sum(map(update_part, parts)))

    @safe_call
    def delete_rows(self, keys: list[Any]) -> int:
        forms = [form for key in keys for form in compound_forms(self.stored_key(key))]
        return sum(
            self.delete_documents({"_id": {"$in": part}}) for part in batches_of(forms)
        )

    def stored_key(self, key: Any) -> Any:
        """Return the `_id` of a key, which is a document for a composite key."""
        fields = self.meta.pk_fields
        if len(fields) == 1:
            return cut(key) if isinstance(key, datetime) else key
        columns = [field.column for field in fields]
        return self.precision.split(dict(zip(columns, key, strict=True)))

    @safe_call
    def lock(self) -> None:
        """Lock the rows by a write that leaves them as they are."""

        requests = [
            UpdateMany(filter_, update)
            for filter_ in self.commands()
            for update in ({"$set": {"_lock": 1}}, {"$unset": {"_lock": ""}})
        ]

        def touch(session: Any) -> None:
            self.collection.bulk_write(requests, session=session)

        self.connection.transaction.run(touch, writes=True)

    # --- explaining ---

    def describe(self) -> str:
        if (stages := self.stages()) is not None:
            return f"db.{self.table}.aggregate({brief(stages)})"
        if self.parts:
            return f"db.{self.table}.find() in {len(self.parts)} commands"
        text = f"db.{self.table}.find({brief(self.filter)}, {self.projection()!r})"
        return f"{text}.sort({dict(self.sort)!r})" if self.sort else text

    @safe_call
    def explain(self) -> str:
        in_short = self.parts or self.first_rows or self.ranking
        return self.describe() if in_short else explained(self)
