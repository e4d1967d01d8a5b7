"""The backend author's interface: NonrelQuery, PREFILTER, safe_call."""

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, TypeVar, cast

from django.db import NotSupportedError
from django.db import utils as django_errors
from django.db.models.expressions import Col, CombinedExpression, Value

from .answers import EXACT, INEXACT, PREFILTER, Answer, Pushdown, ask
from .conditions import Column, Condition, Leaf, Node
from .values.filtering import INTEGERS, filter_argument, filter_list, filter_value
from .values.wrappers import Document, Json

# A column that a document does not have.
MISSING = object()
# How many rows are converted and handed on at a time.
CHUNK = 1_000
# A key, and {column: stored value} before and after: see `update_rows_if`.
Change = tuple[Any, dict[str, Any], dict[str, Any]]
Method = TypeVar("Method", bound=Callable[..., Any])


def safe_call(method: Method) -> Method:
    """Translate the store's errors, which `connection.translate_error` knows, to
    Django's.

    The original error is the `__cause__`. Generators are covered while they are
    iterated. Errors that the store does not know (bugs) pass as they are.
    """
    if inspect.isgeneratorfunction(method):

        @functools.wraps(method)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            with translated_errors(self.store_connection):
                yield from method(self, *args, **kwargs)

    else:

        @functools.wraps(method)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            with translated_errors(self.store_connection):
                return method(self, *args, **kwargs)

    return cast(Method, call)


class translated_errors:
    """Context manager that raises Django's errors for those of `connection`'s store."""

    __slots__ = ("connection",)

    def __init__(self, connection: Any):
        self.connection = connection

    def __enter__(self) -> "translated_errors":
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, django_errors.Error | GeneratorExit):
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

    `meta` is the table's model options, `connection` the user's DatabaseWrapper and
    `fields` the Django fields to fetch. `compiler` is a compiler, or a ScanContext,
    which has of one what a scan needs: `store`, `query.get_meta()` and the four
    functions that convert values.

    Filters may be added after the order or the grouping, until rows are fetched: those
    by keys that another scan finds come last.

    The smallest backend implements `fetch` and leaves the rest: the planner finishes
    in the local engine what `add_filter`, `add_filters` and `order_by` refuse with
    NotSupportedError. Its message is the reason that explain() shows: it reads well
    after "because".
    """

    # Whether `update_rows` takes the constant changes of documents (fields/updates.py).
    changes_documents = False
    # The rows that explain() speaks of: low mark and high mark.
    limits: tuple[int, int | None] = (0, None)
    # Whether explain() may run the scan, to tell what it reads.
    analyze = False
    # How many rows the store has read for the scan, if it can tell.
    rows_read = 0

    def __init__(self, compiler: Any, fields: Sequence[Any]):
        self.compiler = compiler
        self.query = compiler.query
        self.connection = compiler.store
        self.fields = fields
        # A proxy has no fields of its own.
        self.meta = self.query.get_meta().concrete_model._meta
        self.table: str = self.meta.db_table
        if self.connection.catalog:
            self.connection.catalog.require(self.table)

    @property
    def store_connection(self) -> Any:
        """The connection whose errors `safe_call` translates."""
        return self.connection

    def db_type(self, column: str) -> str | None:
        """Return the stored type of a column of the table."""
        for field in self.meta.local_concrete_fields:
            if field.column == column:
                db_type: str | None = field.db_type(self.connection)
                return db_type
        return None

    def convert_value_for_db(self, db_type: str, value: Any) -> Any:
        """Return a Python value, or each of a list, as the store holds it."""
        if value is None:
            return None
        if isinstance(value, (list, tuple)) and db_type != "json":
            return [self.compiler.convert_value_for_db(db_type, each) for each in value]
        return self.compiler.convert_value_for_db(db_type, value)

    def converters(self, fields: Sequence[Any]) -> list[Callable[[Any], Any] | None]:
        """Return, for each field, the function that makes stored values Python values.

        None means that they are the same.
        """
        from_db, type_of = self.compiler.from_db_converter, self.connection.type_of
        return [from_db(type_of(field)) for field in fields]

    # --- filters and order ---

    def add_filter(
        self, column: str, lookup_type: str, negated: bool, db_type: str, value: Any
    ) -> object | None:
        """Restrict the scan to rows whose `column` satisfies the lookup.

        `negated` means SQL's NOT: true only where the value is not NULL and the
        lookup is false. Return None if the answer will be exact, PREFILTER if it may
        hold more rows. Raise NotSupportedError to leave the condition to the planner.
        """
        raise NotSupportedError(self.refusal(f"filter by {lookup_type!r}"))

    def add_filters(self, condition: Condition) -> object | None:
        """Restrict the scan by a whole condition; same answers as `add_filter`.

        The default takes one leaf on a plain column and ANDs of such leaves.
        """
        if isinstance(condition, Node):
            if condition.connector != "AND":
                raise NotSupportedError(self.refusal("filter by OR"))
            answers = [self.add_filters(child) for child in condition.children]
            return PREFILTER if PREFILTER in answers else None
        if condition.column.path:
            raise NotSupportedError(self.refusal(f"filter by {condition.column}"))
        if isinstance(condition.value, Column):
            raise NotSupportedError(self.refusal("compare two columns"))
        return self.add_filter(
            condition.column.name,
            condition.lookup_type,
            condition.negated,
            condition.column.db_type,
            filter_argument(condition),
        )

    def order_by(self, ordering: list[tuple[str, bool]]) -> object | None:
        """Order the scan by [(column, ascending), ...], NULLs first when ascending."""
        raise NotSupportedError(self.refusal("order rows"))

    def order_by_columns(self, ordering: list[tuple[Column, bool]]) -> None:
        """Order the scan by [(Column, ascending), ...], some of which have paths."""
        raise NotSupportedError(self.refusal("order rows by a part of a document"))

    def refusal(self, task: str) -> str:
        """Return the sentence "<store> does not <task>"."""
        return f"{self.connection.display_name} does not {task}"

    # --- reading ---

    def fetch(self, low_mark: int, high_mark: int | None) -> Iterator[dict[str, Any]]:
        """Yield {column: stored value} for rows low_mark to high_mark (None: all)."""
        raise NotImplementedError(f"{type(self).__name__} must implement fetch().")

    def fetch_lists(
        self,
        columns: list[str],
        absent: list[Any],
        low_mark: int,
        high_mark: int | None,
    ) -> Iterator[list[list[Any]]]:
        """Yield chunks of rows, each a list of the values of `columns`.

        A column that a row does not have takes its value from `absent`. The default
        goes through `fetch()`; override it where it can be done faster.
        """
        documents = self.fetch(low_mark, high_mark)
        rows = ([*map(each.get, columns, absent)] for each in documents)
        while chunk := list(islice(rows, CHUNK)):
            yield chunk

    def fetch_converted(
        self,
        columns: list[str],
        absent: list[Any],
        low_mark: int,
        high_mark: int | None,
        converting: Iterable[tuple[int, Callable[[Any], Any]]],
        of_none: Collection[int] = (),
    ) -> Iterator[list[Any]]:
        """Yield what fetch_lists() does, with the values of some columns converted.

        `converting` holds positions in `columns`, each with its function. None stays as
        it is, but at the positions `of_none`. Override it where whole columns can be
        read faster.
        """
        for chunk in self.fetch_lists(columns, absent, low_mark, high_mark):
            if converting and chunk:
                chunk = converted(chunk, converting, of_none)
            yield chunk

    def fetch_together(
        self, queries: "Sequence[NonrelQuery]"
    ) -> list[list[dict[str, Any]]]:
        """Return the rows of several scans, of any tables, of which this is the first.

        The default asks for one after the other; override it where the store answers
        several by one request.
        """
        return [list(query.fetch(0, None)) for query in queries]

    def version(self) -> Any:
        """Return the version of the table's rows, as the scan sees them.

        Every change of the rows makes another version, and no version is used again,
        so a table that was loaded once is known to be unchanged. Return None if the
        store cannot tell.
        """
        return None

    def changed_since(self, version: Any) -> dict[Any, Set[str] | None] | None:
        """Return {stored key: names of columns} of what has changed since a version.

        In the place of the names it is None for rows that are new or gone, or may be.
        There may be more rows and columns. Only these are then read again of a table
        that was loaded. Return None if the store cannot tell.
        """
        return None

    def count(self, limit: int | None = None) -> int:
        """Return the number of rows of the scan, at most `limit`."""
        return sum(1 for _ in self.fetch(0, limit))

    def about_rows(self) -> int | None:
        """Return about how many rows the table has, for explain().

        Return None if that is not known at once.
        """
        return None

    def distinct_values(self) -> list[Any] | None:
        """Return the stored values of the scan's only field, each once, without NULL.

        Return None where that is not faster than fetching the rows.
        """
        return None

    def group(self, grouping: "Grouping") -> object | None:
        """Have the scan answer a GROUP BY, whose rows `groups()` then yields."""
        raise NotSupportedError(self.refusal("group rows"))

    def groups(self) -> Iterator[list[Any]]:
        """Yield rows of the values of `grouping.select`, as Python values."""
        raise NotImplementedError(f"{type(self).__name__} must implement groups().")

    def first_of_each(
        self, keys: tuple[Any, ...], ordering: list[tuple[str, bool]]
    ) -> object | None:
        """Have `fetch` yield only the first row, in an order, of those of equal keys.

        `keys` are Django expressions, NULLs of which are equal; `ordering`, of which no
        two rows are equal, is that of order_by(). An order that is asked for afterwards
        is that of the rows which remain.
        """
        raise NotSupportedError(self.refusal("find the first rows of groups"))

    def rank(self, expression: Any, ascending: bool) -> object | None:
        """Have `ranked()` find the first rows by the values of a Django expression.

        NULLs come first if the values ascend.
        """
        raise NotSupportedError(self.refusal("order by expressions"))

    def ranked(self, number: int) -> Iterable[tuple[Any, Any]]:
        """Yield the stored keys of the first rows, in order, each with its value.

        A value that is a number may be off by a 10**-13th of itself. NULL is exact.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement ranked().")

    def compute(self, expressions: dict[str, Any]) -> object | None:
        """Have `fetch` also yield {name: value} of these Django expressions.

        The values are Python values. Raise NotSupportedError to leave the expressions
        to the planner.
        """
        raise NotSupportedError(self.refusal("compute expressions"))

    def lock(self) -> None:
        """Lock the rows of the scan until the transaction ends, where there is one."""

    def writer_lock(self) -> None:
        """Lock the whole table against other writers until the transaction ends.

        It is called before the scan is filtered, and its rows are fetched next: it may
        wait until then. The toolkit looks for unique values and for the last key so.
        """
        self.lock()

    # --- writing ---

    def delete(self) -> int:
        """Delete the rows of the scan; return how many."""
        raise NotSupportedError(self.refusal("delete by a filter"))

    def update(self, values: dict[str, Any]) -> int:
        """Set {column: stored value or Django expression}; return the rows matched.

        MISSING as a value removes the column, which is NULL then.
        """
        raise NotSupportedError(self.refusal("update by a filter"))

    def increment(self, column: str, value: Any) -> int | None:
        """Return n if a value for `update` is `F(column) + n`, of a column of integers.

        Return -n for `F(column) - n`, and None for any other value.
        """
        if type(value) is not CombinedExpression or value.connector not in ("+", "-"):
            return None
        left, right = value.lhs, value.rhs
        if type(left) is not Col or left.target.column != column:
            return None
        if type(right) is not Value or type(right.value) is not int:
            return None
        if left.target.db_type(self.connection) not in INTEGERS:
            return None
        return right.value if value.connector == "+" else -right.value

    def update_rows(self, rows: list[tuple[Any, dict[str, Any]]]) -> int:
        """Set, by key, [(stored key, {column: stored value})]; return rows matched.

        MISSING as a value removes the column.
        """
        return sum(
            self.with_key("exact", key, "update_rows").update(values)
            for key, values in rows
        )

    def update_rows_if(self, rows: list[Change]) -> list[Any]:
        """Set, by key, [(stored key, old, new)] of the rows that are still as `old`.

        Both are {column: stored value}, MISSING for NULL. Return the keys of the rows
        that others have changed. Where nothing is locked, for the lack of transactions,
        the toolkit writes so what it has computed of rows, and computes it again.
        """
        raise NotSupportedError(self.refusal("compare rows with those to be written"))

    def delete_rows(self, keys: list[Any]) -> int:
        """Delete rows by stored key; return how many there were."""
        if len(self.meta.pk_fields) == 1:
            return self.with_key("in", list(keys), "delete_rows").delete()
        return sum(self.with_key("exact", key, "delete_rows").delete() for key in keys)

    def with_key(self, lookup_type: str, key: Any, method: str) -> "NonrelQuery":
        """Return a scan of the rows with a stored key, or with those of a list."""
        fields = self.meta.pk_fields
        scan = type(self)(self.compiler, fields)
        try:
            for field, part in zip(
                fields, key if len(fields) > 1 else [key], strict=True
            ):
                db_type = field.db_type(self.connection)
                parts = part if lookup_type == "in" else [part]
                values = [filter_value(self.compiler, db_type, each) for each in parts]
                values = filter_list(values, db_type)
                value = values if lookup_type == "in" else values[0]
                if scan.add_filter(field.column, lookup_type, False, db_type, value):
                    raise NotSupportedError("The filter by the key is not exact.")
        except NotSupportedError as error:
            raise NotImplementedError(
                f"{type(self).__name__} must implement {method}(), or filter its rows "
                "by key, to be written."
            ) from error
        return scan

    # --- for people ---

    def describe(self) -> str:
        """Return the scan as the store's own command, for explain() and the log."""
        return f"scan {self.table}"

    def explain(self) -> str:
        """Return `describe()` with the index that the store would use.

        Only if `analyze` is set may it run the scan and tell what was read.
        """
        return self.describe()


def converted(
    rows: list[Any],
    converting: Iterable[tuple[int, Callable[[Any], Any]]],
    of_none: Collection[int] = (),
) -> list[Any]:
    """Return rows, of which there is one at least, with some columns converted.

    None stays as it is, but in the columns `of_none`.
    """
    columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
    for index, convert in converting:
        columns[index] = [
            None if value is None and index not in of_none else convert(value)
            for value in columns[index]
        ]
    return list(zip(*columns, strict=True))


@dataclass(frozen=True)
class Grouping:
    """A GROUP BY over one table: keys, aggregates, HAVING, ordering and limits.

    `select` and `group_by` hold Django expressions over the table's columns and
    aggregates of them; `having` a resolved WhereNode or None; `ordering` Django
    OrderBy expressions; `group_by` None means one row for all.
    """

    select: tuple[Any, ...]
    group_by: tuple[Any, ...] | None
    having: Any
    ordering: tuple[Any, ...]
    low_mark: int
    high_mark: int | None


__all__ = [
    "Answer",
    "Column",
    "Condition",
    "Document",
    "EXACT",
    "Grouping",
    "INEXACT",
    "Json",
    "Leaf",
    "MISSING",
    "NonrelQuery",
    "Node",
    "PREFILTER",
    "Pushdown",
    "ask",
    "safe_call",
    "translated_errors",
]
