"""The five compilers that Django asks a backend for: plan, run, convert."""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db.models import Field, JSONField
from django.db.models.expressions import Col
from django.db.models.sql import compiler as django_compiler
from django.db.models.sql.constants import (
    GET_ITERATOR_CHUNK_SIZE,
    MULTI,
    NO_RESULTS,
    SINGLE,
)
from django.db.transaction import TransactionManagementError
from django.db.utils import NotSupportedError

from .cursor import Statement, result_of
from .dml.delete import DeleteMixin
from .dml.insert import InsertMixin
from .dml.update import UpdateMixin
from .local.ascii_patterns import WILDCARDS, with_glob
from .local.moments import compiled, precise_as
from .planner.choose import LOCAL_RULES, choose, with_fallback
from .planner.partial_aggregates import PartialAggregates
from .planner.plans.base import Plan, Row
from .planner.plans.counted import CountedRowsPlan
from .planner.refusal import Refused
from .planner.rules import partial_groups
from .planner.select import counts_rows
from .planner.shapes import Shape, shape_of
from .query import NonrelQuery
from .text import shown
from .values.saving import with_data_errors

# What apply_converters() takes: {position in a row: (functions, expression)}.
Converters = dict[int, tuple[list[Callable[..., Any]], Any]]
# The function from a compiler and the expressions that it selects to their converters.
# It is no method of the compiler, which keeps it: that would be a reference cycle.
MakeConverters = Callable[[Any, Iterable[Any]], Converters]
# A plan, and what makes the converters that fit it.
Planned = tuple[Plan, MakeConverters]
JSON_FROM_DB = JSONField.from_db_value


class NonrelCompiler(django_compiler.SQLCompiler):
    """Reads. `store` is the user's connection; `connection`, by which Django writes
    SQL text, is the local engine's.
    """

    query_class: type[NonrelQuery] = NonrelQuery
    # The converters that fit the plan which execute_sql() runs.
    converters: MakeConverters | None = None

    def __init__(
        self, query: Any, connection: Any, using: str | None, elide_empty: bool = True
    ):
        super().__init__(query, connection.local_engine.wrapper, using, elide_empty)
        self.store = connection
        self.qualify = self.having = self.where = None
        self.has_extra_select = False
        self.skipping = self.selecting = False
        # Whether the query is a subquery whose distinct values are asked for.
        self.ignores_repeats = False
        # What writes other SQL for aggregates, over partial ones.
        self.rewriting: PartialAggregates | None = None
        # Where all columns of the model are selected, and nothing else.
        self.shape: Shape | None = None

    @property
    def store_connection(self) -> Any:
        """The connection whose errors `safe_call` translates."""
        return self.store

    def __repr__(self) -> str:
        # The compiler that only converts values has no model.
        model = getattr(self.query.model, "__qualname__", None)
        return (
            f"<{self.__class__.__qualname__} model={model} "
            f"connection={self.store!r} using={self.using!r}>"
        )

    def compile(self, node: Any) -> Any:
        """Return SQL for the local engine: an expression's own `as_<vendor>` first."""
        if self.selecting and type(node) is Col:
            return "", []
        if self.rewriting is not None:
            sql = self.rewriting.sql(node)
            if sql is not None:
                return sql
        own = getattr(node, f"as_{self.store.vendor}", None)
        if own is not None:
            return own(self, self.connection)
        found = compiled(self, node, super().compile)
        return with_glob(self, node, *found) if type(node) in WILDCARDS else found

    # --- values, for backends to override ---

    def convert_value_for_db(self, db_type: str | None, value: Any) -> Any:
        """Return a Python value as the store holds it; raise DataError if it cannot."""
        return value

    def convert_value_from_db(self, db_type: str | None, value: Any) -> Any:
        """Return a stored value, never None, as a Python value."""
        return value

    def for_db_converter(self, db_type: str | None) -> Callable[[Any], Any]:
        """Return the function that makes Python values stored ones."""
        return partial(self.convert_value_for_db, db_type)

    def from_db_converter(self, db_type: str | None) -> Callable[[Any], Any] | None:
        """Return the function that makes stored values Python values, None for none."""
        convert = partial(self.convert_value_from_db, db_type)
        if db_type != "datetime" or not settings.USE_TZ:
            return convert
        zone = self.store.timezone
        return lambda value: convert(value).replace(tzinfo=zone)

    def leaf_from_db_converter(
        self, db_type: str | None
    ) -> Callable[[Any], Any] | None:
        """Return what from_db_converter() does, for values inside documents."""
        return self.from_db_converter(db_type)

    # --- planning ---

    def plan(self) -> Planned:
        """Return the plan of the query and the converters that fit it.

        Raise EmptyResultSet if nothing can match.
        """
        refcounts = self.query.alias_refcount.copy()
        try:
            plan = choose(self)
        finally:
            self.query.reset_refcounts(refcounts)
        return plan, partial(converters_of, plan)

    def plan_locally(self) -> Plan:
        """Return the plan of the query that finishes it in the local engine."""
        refcounts = self.query.alias_refcount.copy()
        try:
            return choose(self, LOCAL_RULES)
        finally:
            self.query.reset_refcounts(refcounts)

    def setup(self) -> tuple[list[Any], list[Any]]:
        """Prepare the query as Django does; return its extra selects and ORDER BY."""
        # The texts of plain columns are for the local engine, if it is asked.
        self.skipping = not (self.query.distinct or self.query.combinator)
        try:
            extra_select, order_by, _ = self.pre_sql_setup()
        finally:
            self.skipping = False
        return extra_select, order_by

    def pre_sql_setup(self, **options: Any) -> Any:
        found = super().pre_sql_setup(**options)
        if self.rewriting is not None:
            self.where = self.rewriting.where
        return found

    def get_select(self, with_col_aliases: bool = False) -> Any:
        self.shape = None
        if self.skipping and not with_col_aliases:
            self.shape = shape_of(self)
            if self.shape is not None:
                return self.shape.selection()
        self.selecting = self.skipping
        try:
            return super().get_select(with_col_aliases)
        finally:
            self.selecting = False

    def select_all(self, shape: Shape) -> None:
        """Have the query select what `shape` has: setup_query() in short."""
        self.shape = shape
        self.select, self.klass_info, self.annotation_col_map = shape.selection()
        self.col_count = len(self.select)

    def local_sql(self, **options: bool) -> tuple[str, tuple[Any, ...]]:
        """Return the statement for the local engine, with its parameters.

        `options` are those of as_sql().
        """
        explain, self.query.explain_info = self.query.explain_info, None
        locking, self.query.select_for_update = self.query.select_for_update, False
        try:
            sql, params = self.local_text(self.query.get_meta(), **options)
        finally:
            self.query.explain_info = explain
            self.query.select_for_update = locking
        if not sql:
            raise EmptyResultSet
        return sql, tuple(params)

    def local_text(self, meta: Any, **options: Any) -> Any:
        """Return as_sql(), with datetimes as precise as those of the model's table."""
        with precise_as(self, meta):
            return self.as_sql(**options)

    def locks(self) -> bool:
        """Return whether the rows are to be locked; raise what Django raises."""
        query, features = self.query, self.store.features
        if not query.select_for_update:
            return False
        # This connects: only then is it known what the server can do.
        autocommit = self.store.get_autocommit()
        if not features.has_select_for_update:
            return False
        if autocommit and features.supports_transactions:
            raise TransactionManagementError(
                "select_for_update cannot be used outside of a transaction."
            )
        for option, asked in {
            "NOWAIT": query.select_for_update_nowait,
            "SKIP LOCKED": query.select_for_update_skip_locked,
            "FOR UPDATE OF": query.select_for_update_of,
            "FOR NO KEY UPDATE": query.select_for_no_key_update,
        }.items():
            if asked:
                raise NotSupportedError(
                    f"{option} is not supported on this database backend."
                )
        return True

    # --- running ---

    @with_data_errors
    def execute_sql(
        self,
        result_type: str | None = MULTI,
        chunked_fetch: bool = False,
        chunk_size: int = GET_ITERATOR_CHUNK_SIZE,
    ) -> Any:
        """Run the query as one ORM query: logged, wrapped and counted as such."""
        self.store.refusals = []
        result_type = result_type or NO_RESULTS
        try:
            plan, self.converters = self.plan()
        except EmptyResultSet:
            return iter([]) if result_type == MULTI else None
        if self.query.explain_info:
            work: Callable[[], Any] = partial(self.explained, plan)
        elif result_type != MULTI:
            work = partial(self.first_row, plan)
        elif chunked_fetch:
            return self.cursor_chunks(plan, chunk_size)
        else:
            work = partial(self.fetched, plan)
        with self.store.cursor() as cursor:
            cursor.execute(Statement(work, partial(self.text, plan)))
            result = result_of(cursor)
        return result if result_type in (MULTI, SINGLE) else None

    def cursor_chunks(self, plan: Plan, chunk_size: int) -> Any:
        """Return chunks of rows, fetched as they are read."""
        cursor = self.store.chunked_cursor()
        try:
            cursor.execute(
                Statement(
                    lambda: chain.from_iterable(
                        started(self.without_extra(plan, plan.chunks()))
                    ),
                    partial(self.text, plan),
                )
            )
        except Exception:
            cursor.close()
            raise
        chunks = django_compiler.cursor_iter(cursor, [], None, chunk_size)
        return chunks if self.store.features.can_use_chunked_reads else list(chunks)

    def text(self, plan: Plan) -> str:
        """Return the query as SQL, then what was done instead."""
        try:
            sql, params = self.local_sql()
        except EmptyResultSet:
            return plan.text()
        if self.query.select_for_update and self.store.features.has_select_for_update:
            sql = f"{sql} {self.store.ops.for_update_sql()}"
        prefix = ""
        if self.query.explain_info:
            prefix = self.store.ops.explain_prefix + " "
        return f"{prefix}{shown(sql, params)} -- {plan.text()}"

    def explained(self, plan: Plan) -> list[list[tuple[str]]]:
        """Return the lines of explain(), as a result of one chunk.

        The option `analyze` runs the query and tells what was read, as PostgreSQL's.
        """
        info = self.query.explain_info
        options = dict(info.options)
        analyze = bool(options.pop("analyze", False))
        self.store.ops.explain_query_prefix(info.format, **options)
        return [[(line,) for line in [*plan.explain(analyze), plan.decision()]]]

    def fetched(self, plan: Plan) -> list[list[Row]]:
        """Return all chunks of a plan."""
        return list(self.without_extra(plan, plan.chunks()))

    def without_extra(
        self, plan: Plan, chunks: Iterator[list[Row]]
    ) -> Iterator[list[Row]]:
        """Return chunks of a plan without the columns that only SQL needs."""
        if self.has_extra_select and not plan.yields_python:
            width = self.col_count
            return ([row[:width] for row in chunk] for chunk in chunks)
        return chunks

    def first_row(self, plan: Plan) -> Row | None:
        """Return the first row of a plan, None if it has none."""
        for chunk in plan.chunks():
            for row in chunk:
                return row[: self.col_count]
        return None

    # --- values read ---

    def python_results(self, plan: Plan, converters: MakeConverters) -> list[Any]:
        """Return all rows of a plan as Python values, outside of any cursor."""
        return list(self.python_iter(plan, converters))

    def python_iter(self, plan: Plan, converters: MakeConverters) -> Iterator[Any]:
        """Return an iterator of the same."""
        self.converters = converters
        chunks = self.without_extra(plan, plan.chunks())
        rows: Iterator[Any] = self.results_iter(chunks)
        return rows

    def get_converters(self, expressions: Iterable[Any]) -> Any:
        if self.converters is None:
            return super().get_converters(expressions)
        return self.converters(self, expressions)

    def python_converters(self, expressions: Iterable[Any]) -> Converters:
        """Return what fields themselves do to Python values that are read."""
        converters: Converters = {}
        index = 0
        for expression in expressions:
            width = len(expression) if is_pairs(expression) else 1
            sources = expression.get_source_expressions() if width > 1 else [expression]
            for each in sources:
                found = self.field_converters(each) if each else []
                if found:
                    converters[index] = (found, each)
                index += 1
        return converters

    def field_converters(self, expression: Any) -> list[Callable[..., Any]]:
        """Return the functions of an expression's own (`from_db_value`)."""
        found = []
        for converter in expression.get_db_converters(self.store):
            field: Any = getattr(converter, "__self__", None)
            if getattr(converter, "__func__", None) is JSON_FROM_DB:
                if field.decoder is not None:
                    found.append(decoded(field.decoder))
            elif isinstance(field, Field) and field.get_internal_type() == "JSONField":
                found.append(of_text(converter))
            else:
                found.append(converter)
        return found

    def apply_converters(
        self, rows: Iterable[Any], converters: Converters
    ) -> Iterator[Row]:
        # As Django's, but converters are given the user's own connection.
        positions = list(converters.items())
        for row in map(list, rows):
            for position, (functions, expression) in positions:
                value = row[position]
                for convert in functions:
                    value = convert(value, expression, self.store)
                row[position] = value
            yield row


def converters_of(
    plan: Plan, compiler: NonrelCompiler, expressions: Iterable[Any]
) -> Converters:
    """Return the converters of a plan's rows."""
    if not plan.yields_python:
        found: Converters = django_compiler.SQLCompiler.get_converters(
            compiler, expressions
        )
        return found
    if compiler.shape is not None:
        return compiler.shape.converters
    return compiler.python_converters(expressions)


def decoded(decoder: Any) -> Callable[..., Any]:
    """Return the converter that has a JSONField's decoder read a value again."""
    return lambda value, expression, connection: (
        None if value is None else json.loads(json.dumps(value), cls=decoder)
    )


def of_text(converter: Callable[..., Any]) -> Callable[..., Any]:
    """Return the `from_db_value` of a project's own field of JSON, which takes text."""
    return lambda value, expression, connection: converter(
        None if value is None else json.dumps(value), expression, connection
    )


def is_pairs(expression: Any) -> bool:
    """Return whether an expression is a composite key's columns."""
    return isinstance(expression, django_compiler.ColPairs)


def started(chunks: Iterator[list[Row]]) -> Iterator[list[Row]]:
    """Return the iterator with its first chunk fetched already."""
    first = next(chunks, None)
    return iter(()) if first is None else chain([first], chunks)


class NonrelAggregateCompiler(NonrelCompiler, django_compiler.SQLAggregateCompiler):
    """Aggregates over a subquery: finished by the local engine, but for the number of
    rows that a store finds.
    """

    def plan(self) -> Planned:
        plan = self.counted() or self.aggregated()
        return plan, partial(converters_of, plan)

    def counted(self) -> Plan | None:
        """Return the plan of SELECT COUNT(*) FROM rows that a store finds by itself."""
        aggregates = list(self.query.annotation_select.values())
        if len(aggregates) != 1 or not counts_rows(aggregates[0]):
            return None
        inner = self.query.inner_query
        compiler = self.store.ops.compiler("SQLCompiler")(inner, self.store, self.using)
        try:
            plan, _ = compiler.plan()
        except EmptyResultSet:
            return None
        self.col_count = 1
        return CountedRowsPlan(plan) if plan.yields_python else None

    def aggregated(self) -> Plan:
        """Return the plan that the local engine finishes."""
        # Of no rows, as Django finds it, before the subquery is looked at.
        for aggregate in self.query.annotation_select.values():
            self.compile(aggregate)
        inner = self.query.inner_query
        refcounts = inner.alias_refcount.copy()
        compiler = self.store.ops.compiler("SQLCompiler")(
            inner, self.store, self.using, self.elide_empty
        )
        try:
            return with_fallback(partial_groups.plan_over(self, compiler), self)
        except (Refused, EmptyResultSet):
            compiler.pre_sql_setup()
            return choose(self, LOCAL_RULES[-1:])
        finally:
            inner.reset_refcounts(refcounts)

    def plan_locally(self) -> Plan:
        return choose(self, LOCAL_RULES[-1:])

    def local_sql(self, **options: bool) -> tuple[str, tuple[Any, ...]]:
        sql, params = self.local_text(self.query.inner_query.get_meta())
        return sql, tuple(params)

    def locks(self) -> bool:
        return False


class NonrelInsertCompiler(  # type: ignore[misc]
    InsertMixin, NonrelCompiler, django_compiler.SQLInsertCompiler
):
    """Inserts: values computed and validated here, rows handed to `insert`."""


class NonrelUpdateCompiler(  # type: ignore[misc]
    UpdateMixin, NonrelCompiler, django_compiler.SQLUpdateCompiler
):
    """Updates: one native command, or rows computed here and written by key."""


class NonrelDeleteCompiler(  # type: ignore[misc]
    DeleteMixin, NonrelCompiler, django_compiler.SQLDeleteCompiler
):
    """Deletes: one native command, or keys found here and deleted."""


SQLCompiler = NonrelCompiler
SQLInsertCompiler = NonrelInsertCompiler
SQLUpdateCompiler = NonrelUpdateCompiler
SQLDeleteCompiler = NonrelDeleteCompiler
SQLAggregateCompiler = NonrelAggregateCompiler
