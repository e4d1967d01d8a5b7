"""The backend author's interface: NonrelQuery, PREFILTER, safe_call."""

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import NotSupportedError
from django.db import utils as django_errors

from .conditions import Column, Condition, Leaf, Node

# What add_filter(), add_filters() and order_by() return for "taken, but check again".
PREFILTER = object()
NUMBER = re.compile(r"-?[0-9]+")
# A column that a document does not have.
MISSING = object()
# How many rows are converted and handed on at a time.
CHUNK = 1_000


@dataclass(frozen=True)
class Json:
    """A value for a JSON column; `Json(None)` is JSON's null, None is SQL's NULL."""

    value: Any


@dataclass(frozen=True)
class Document:
    """A Python value for a column of documents, and the field that knows its leaves."""

    field: Any
    value: Any
    connection: Any

    def stored(self) -> Any:
        """Lists and dictionaries whose leaves are of the store's own types."""
        from .documents.codec import codec_of

        return codec_of(self.connection).writer(self.field)(self.value)

    def text(self) -> str:
        """The document as the local engine's tables hold it."""
        from .documents.codec import to_text

        return to_text(self.field, self.value, self.connection)


def safe_call(method: Callable) -> Callable:
    """Translate the store's errors, which `connection.translate_error` knows, to
    Django's. The original is the `__cause__`. Generators are covered while they are
    iterated; errors that the store does not know (bugs) pass as they are.
    """
    if inspect.isgeneratorfunction(method):

        @functools.wraps(method)
        def call(self, *args, **kwargs):
            with translated_errors(self.store_connection):
                yield from method(self, *args, **kwargs)

    else:

        @functools.wraps(method)
        def call(self, *args, **kwargs):
            with translated_errors(self.store_connection):
                return method(self, *args, **kwargs)

    return call


class translated_errors:
    """Context manager that raises Django's errors for those of `connection`'s store."""

    __slots__ = ("connection",)

    def __init__(self, connection):
        self.connection = connection

    def __enter__(self):
        return self

    def __exit__(self, error_type, error, traceback):
        if error is None or isinstance(error, django_errors.Error):
            return
        translated = self.connection.translate_error(error)
        if translated is None:
            return
        if not isinstance(
            translated, django_errors.DataError | django_errors.IntegrityError
        ):
            self.connection.errors_occurred = True
        raise translated.with_traceback(traceback) from error


class NonrelQuery:
    """One scan of one table: filters and an ordering are added, then rows fetched.

    `compiler.query.get_meta()` is the table's model options, `self.connection` the
    user's DatabaseWrapper, `fields` the Django fields to fetch.

    The smallest backend implements `fetch` and leaves the rest: the planner finishes
    in the local engine what `add_filter`, `add_filters` and `order_by` refuse with
    NotSupportedError.
    """

    # Whether `update_rows` takes the constant changes of documents (fields/updates.py).
    changes_documents = False

    def __init__(self, compiler, fields):
        self.compiler = compiler
        self.query = compiler.query
        self.connection = compiler.store
        self.fields = fields
        self.table: str = self.query.get_meta().db_table
        # The rows that explain() speaks of.
        self.limits: tuple[int, int | None] = (0, None)
        if self.connection.catalog:
            self.connection.catalog.require(self.table)

    @property
    def store_connection(self):
        return self.connection

    def db_type(self, column: str) -> str | None:
        """The stored type of a column of the table."""
        for field in self.query.get_meta().local_concrete_fields:
            if field.column == column:
                return field.db_type(self.connection)
        return None

    def convert_value_for_db(self, db_type: str, value: Any) -> Any:
        """The compiler's: a Python value, or each of a list, as the store holds it."""
        if value is None:
            return None
        if isinstance(value, (list, tuple)) and db_type != "json":
            return [self.compiler.convert_value_for_db(db_type, each) for each in value]
        return self.compiler.convert_value_for_db(db_type, value)

    def add_filter(
        self, column: str, lookup_type: str, negated: bool, db_type: str, value: Any
    ) -> object | None:
        """Restrict the scan to rows whose `column` satisfies the lookup.

        `negated` means SQL's NOT: true only where the value is not NULL and the
        lookup false. Return None when the answer will be exact, PREFILTER when it may
        hold more rows; raise NotSupportedError to leave the condition to the planner.
        """
        raise NotSupportedError(f"No native filter {lookup_type!r}.")

    def add_filters(self, condition: Condition) -> object | None:
        """Restrict the scan by a whole condition; same answers as `add_filter`.

        The default takes one leaf on a plain column and ANDs of such leaves.
        """
        if isinstance(condition, Node):
            if condition.connector != "AND":
                raise NotSupportedError("No native OR.")
            answers = [self.add_filters(child) for child in condition.children]
            return PREFILTER if PREFILTER in answers else None
        if condition.column.path or isinstance(condition.value, Column):
            raise NotSupportedError("No native filter on paths or between columns.")
        return self.add_filter(
            condition.column.name,
            condition.lookup_type,
            condition.negated,
            condition.column.db_type,
            comparable(condition.column.db_type, condition.value),
        )

    def order_by(self, ordering: list[tuple[str, bool]]) -> object | None:
        """Order the scan by [(column, ascending), ...], NULLs first when ascending."""
        raise NotSupportedError("No native ordering.")

    def order_by_columns(self, ordering: list[tuple[Column, bool]]) -> None:
        """The same by [(Column, ascending), ...], some of which are paths."""
        raise NotSupportedError("No native ordering by paths.")

    def fetch(self, low_mark: int, high_mark: int | None) -> Iterator[dict[str, Any]]:
        """Yield {column: stored value} for rows low_mark to high_mark (None: all)."""
        raise NotImplementedError(f"{type(self).__name__} must implement fetch().")

    def fetch_lists(
        self, columns: list[str], absent: list, low_mark: int, high_mark: int | None
    ) -> Iterator[list[list]]:
        """`fetch()` as chunks of lists: the values of these columns, those of `absent`
        for what a row does not have. To be overridden where it can be done faster.
        """
        documents = self.fetch(low_mark, high_mark)
        rows = ([*map(each.get, columns, absent)] for each in documents)
        while chunk := list(islice(rows, CHUNK)):
            yield chunk

    def version(self) -> Any:
        """What is another one after every change of the table's rows, as the scan
        sees them, and is never used again: so a table that was loaded once is known to
        be the same still. None where the store cannot tell.
        """
        return None

    def count(self, limit: int | None = None) -> int:
        """The number of rows of the scan, at most `limit`."""
        return sum(1 for _ in self.fetch(0, limit))

    def group(self, grouping: "Grouping") -> None:
        """Have the scan answer a GROUP BY, whose rows `groups()` then yields."""
        raise NotSupportedError("No native grouping.")

    def groups(self) -> Iterator[list]:
        """Rows of the values of `grouping.select`, as Python values."""
        raise NotImplementedError

    def compute(self, expressions: dict[str, Any]) -> None:
        """Have `fetch` also yield {name: value} of these Django expressions, as Python
        values; NotSupportedError leaves them to the planner.
        """
        raise NotSupportedError("No computed columns.")

    def delete(self) -> int:
        """Delete the rows of the scan; return how many."""
        raise NotSupportedError("No native delete.")

    def update(self, values: dict[str, Any]) -> int:
        """Set {column: stored value or Django expression}; return the rows matched.

        MISSING as a value removes the column, which is NULL then.
        """
        raise NotSupportedError("No native update.")

    def update_rows(self, rows: list[tuple[Any, dict[str, Any]]]) -> int:
        """Set, by key, [(stored key, {column: stored value})]; return rows matched.

        MISSING as a value removes the column.
        """
        return sum(
            self.with_key("exact", key, "update_rows").update(values)
            for key, values in rows
        )

    def delete_rows(self, keys: list[Any]) -> int:
        """Delete rows by stored key; return how many there were."""
        if len(self.query.get_meta().pk_fields) == 1:
            return self.with_key("in", list(keys), "delete_rows").delete()
        return sum(self.with_key("exact", key, "delete_rows").delete() for key in keys)

    def with_key(self, lookup_type: str, key: Any, method: str) -> "NonrelQuery":
        """A scan of the rows with a stored key, or with those of a list."""
        fields = self.query.get_meta().pk_fields
        scan = type(self)(self.compiler, fields)
        try:
            for field, part in zip(
                fields, key if len(fields) > 1 else [key], strict=True
            ):
                db_type = field.db_type(self.connection)
                read = self.compiler.from_db_converter(db_type) or (lambda part: part)
                value = list(map(read, part)) if lookup_type == "in" else read(part)
                if scan.add_filter(field.column, lookup_type, False, db_type, value):
                    raise NotSupportedError("No exact filter by the key.")
        except NotSupportedError as error:
            raise NotImplementedError(
                f"{type(self).__name__} must implement {method}(), or filter its rows "
                "by key, to be written."
            ) from error
        return scan

    def lock(self) -> None:
        """Lock the rows of the scan until the transaction ends, where there is one."""

    def describe(self) -> str:
        """The scan as the store's own command, for explain() and the query log."""
        return f"scan {self.query.get_meta().db_table}"

    def explain(self) -> str:
        """`describe()` with what the store tells of the index used and rows read."""
        return self.describe()


def comparable(db_type: str, value: Any) -> Any:
    """Text as the number that a column of numbers is joined or compared with."""
    if db_type not in ("int", "long"):
        return value
    if isinstance(value, list):
        return [comparable(db_type, each) for each in value]
    number = isinstance(value, str) and NUMBER.fullmatch(value)
    return int(value) if number else value


@dataclass(frozen=True)
class Grouping:
    """A GROUP BY over one table: keys, aggregates, HAVING, ordering and limits.

    `select` and `group_by` hold Django expressions over the table's columns and
    aggregates of them; `having` a resolved WhereNode or None; `ordering` Django
    OrderBy expressions; `group_by` None means one row for all.
    """

    select: tuple
    group_by: tuple | None
    having: Any
    ordering: tuple
    low_mark: int
    high_mark: int | None


__all__ = [
    "Column",
    "Condition",
    "Document",
    "Grouping",
    "Json",
    "Leaf",
    "MISSING",
    "NonrelQuery",
    "Node",
    "PREFILTER",
    "safe_call",
    "translated_errors",
]
