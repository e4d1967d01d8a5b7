"""BackendQuery: one scan of one MongoDB collection."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property, partial
from itertools import chain, islice
from typing import Any

from bson import MinKey
from django.db import NotSupportedError
from pymongo.errors import OperationFailure

from ..conditions import Column, Condition
from ..microseconds import cut, exact, hidden, ordered_by
from ..planner.expressions import expression_text
from ..query import CHUNK, PREFILTER, Grouping, NonrelQuery, safe_call
from . import writes
from .aggregation import Pipeline
from .expressions import Expression, Expressions, result_converter
from .filters import MemberKey, MomentKey, NumberedKey, require_ordered, to_filter
from .foreign import refusal
from .key_forms import compound_forms, key_columns, with_all_forms
from .naming import column_name
from .odd_names import is_odd
from .paths import dotted, superset
from .reading import READERS, Reader, other_forms
from .updating import update_document

# Documents in a batch of a whole scan. The server's default first batch of 101 makes
# one more round trip for every scan that is longer.
BATCH_SIZE = 5_000


class BackendQuery(NonrelQuery):
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
        self.precision = self.connection.precision(self.meta)
        # The columns of a composite key, which foreign documents hold in the `_id`.
        self.members: set[str] = set()
        if len(self.meta.pk_fields) > 1 and self.connection.is_foreign(self.table):
            self.members = {each.column for each in self.meta.pk_fields}

    @property
    def collection(self) -> Any:
        """The pymongo collection that holds the table's rows."""
        return self.connection.database[self.table]

    def key(self, column: str) -> str:
        """Return the key under which documents hold a column."""
        if is_odd(column):
            raise NotSupportedError(
                f"MongoDB reads the column {column!r} as a path or an operator"
            )
        if column in self.members:
            return MemberKey(f"_id.{column}")
        return "_id" if column == self.pk_column else column

    def key_of(self, column: Column) -> str:
        key = self.key(column.name)
        if column.db_type == "bool" and self.may_have_numbers(key):
            return NumberedKey(key)
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
        self.filters.append(to_filter(condition, self.key_of))
        return answer

    def order_by(self, ordering: list[tuple[str, bool]]) -> None:
        self.order_by_columns(
            [(Column(name, self.db_type(name) or ""), up) for name, up in ordering]
        )

    def order_by_columns(self, ordering: list[tuple[Column, bool]]) -> None:
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
            keys.append((key, 1 if ascending else -1))
        self.sort = keys

    @safe_call
    def fetch(self, low_mark: int, high_mark: int | None) -> Iterator[dict[str, Any]]:
        if high_mark is not None and high_mark <= low_mark:
            return
        projection = self.projection()
        limit = 0 if high_mark is None else high_mark - low_mark
        collection = self.collection

        def find(session: Any) -> tuple[Any, dict[str, Any] | None]:
            cursor = collection.find(
                self.filter,
                projection,
                skip=low_mark,
                limit=limit,
                sort=self.sort or None,
                session=session,
                batch_size=BATCH_SIZE if limit == 0 or limit > BATCH_SIZE else 0,
            )
            return cursor, next(cursor, None)

        cursor, first = self.connection.statement(find)
        if first is None:
            self.connection.require_table(self.table)
            return
        documents: Iterator[dict[str, Any]] = chain([first], cursor)
        if self.computed:
            documents = map(self.with_computed, documents)
        if self.members:
            documents = map(self.with_members, documents)
        if self.precise:
            documents = map(self.whole, documents)
        pk_column = self.pk_column
        if pk_column is None or "_id" not in first:
            yield from documents
            return
        for document in documents:
            document[pk_column] = document["_id"]
            yield document

    @cached_property
    def precise(self) -> list[str]:
        """The columns to fetch that have hidden ones."""
        columns = self.precision.columns
        return [each.column for each in self.fields if each.column in columns]

    def whole(self, document: dict[str, Any]) -> dict[str, Any]:
        """Make the datetimes of a document whole, in place."""
        self.precision.join(document, self.precise)
        return document

    def fetch_lists(
        self,
        columns: list[str],
        absent: list[Any],
        low_mark: int,
        high_mark: int | None,
    ) -> Iterator[list[list[Any]]]:
        reader = Reader(self, columns)
        documents = self.fetch(low_mark, high_mark)
        while chunk := list(islice(documents, CHUNK)):
            rows = [[*map(each.get, columns, absent)] for each in chunk]
            reader.read(rows, chunk)
            yield rows

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
        wanted |= {hidden(name): 1 for name in self.precise}
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

    def with_members(self, document: dict[str, Any]) -> dict[str, Any]:
        """Give a document the columns of its compound key, in place."""
        key = document.get("_id")
        if isinstance(key, dict):
            document |= {name: key[name] for name in self.members if name in key}
        return document

    def with_computed(self, document: dict[str, Any]) -> dict[str, Any]:
        """Make the computed values of a document Python values, in place."""
        for name, found in self.computed.items():
            value = document.get(name)
            convert = result_converter(self.compiler, found.db_type)
            if value is not None and convert is not None:
                document[name] = convert(value)
        return document

    @safe_call
    def count(self, limit: int | None = None) -> int:
        if not self.filters and limit is None and self.connection.session is None:
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

    # --- grouping ---

    def group(self, grouping: Grouping) -> None:
        self.pipeline = Pipeline(grouping, self)

    @safe_call
    def groups(self) -> Iterator[list]:
        assert self.pipeline is not None
        stages = self.pipeline.stages(self.filter)
        documents = self.connection.statement(
            lambda session: self.collection.aggregate(stages, session=session)
        )
        first = list(islice(documents, 1))
        if not first:
            self.connection.require_table(self.table)
        yield from self.pipeline.rows(chain(first, documents))

    # --- writing ---

    @safe_call
    def delete(self) -> int:
        return self.delete_documents(self.filter)

    def delete_documents(self, filter_: dict[str, Any]) -> int:
        deleted = writes.delete_documents(self.connection, self.table, filter_)
        if deleted == 0:
            self.connection.require_table(self.table)
        return deleted

    @safe_call
    def update(self, values: dict[str, Any]) -> int:
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
        return writes.update_keys(self.connection, self.table, updates)

    @safe_call
    def delete_rows(self, keys: list[Any]) -> int:
        forms = [form for key in keys for form in compound_forms(self.stored_key(key))]
        found = {"_id": {"$in": forms}}
        return self.delete_documents(found)

    def stored_key(self, key: Any) -> Any:
        """Return the `_id` of a key, which is a document for a composite key."""
        fields = self.meta.pk_fields
        if len(fields) == 1:
            return cut(key) if isinstance(key, datetime) else key
        return {
            field.column: cut(value) if isinstance(value, datetime) else value
            for field, value in zip(fields, key, strict=True)
        }

    @safe_call
    def lock(self) -> None:
        """Lock the rows by a write that leaves them as they are."""

        def touch(session: Any) -> None:
            for update in ({"$set": {"_lock": 1}}, {"$unset": {"_lock": ""}}):
                self.collection.update_many(self.filter, update, session=session)

        self.connection.transaction.run(touch, writes=True)

    # --- explaining ---

    def describe(self) -> str:
        if self.pipeline is not None:
            return f"db.{self.table}.aggregate({self.pipeline.stages(self.filter)!r})"
        text = f"db.{self.table}.find({self.filter!r}, {self.projection()!r})"
        return f"{text}.sort({dict(self.sort)!r})" if self.sort else text

    @safe_call
    def explain(self) -> str:
        command: dict[str, Any] = {"find": self.table, "filter": self.filter}
        if self.sort:
            command["sort"] = dict(self.sort)
        if self.limits != (0, None):
            low, high = self.limits
            command["skip"] = low
            if high is not None:
                command["limit"] = high - low
        # "executionStats" runs the plan that "queryPlanner" only chooses.
        verbosity = "executionStats" if self.analyze else "queryPlanner"
        found = self.connection.database.command(
            "explain", command, verbosity=verbosity
        )
        if not self.analyze:
            return f"{self.describe()} [{index_of(found)}]"
        stats = found["executionStats"]
        return (
            f"{self.describe()} [{index_of(found)}, "
            f"{stats['totalKeysExamined']} keys and "
            f"{stats['totalDocsExamined']} documents examined, "
            f"{stats['nReturned']} returned]"
        )


def index_of(explained: dict[str, Any]) -> str:
    """Return the name of the index that the server's winning plan uses."""
    stages = [explained.get("queryPlanner", {}).get("winningPlan", {})]
    while stages:
        stage = stages.pop()
        if "indexName" in stage:
            return f"index {stage['indexName']}"
        if stage.get("stage") == "IDHACK":
            return "index _id_"
        stages += [each for each in stage.values() if isinstance(each, dict)]
        stages += stage.get("inputStages", ())
    return "no index"
