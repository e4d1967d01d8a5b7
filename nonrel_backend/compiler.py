"""The five compilers that Django asks a backend for: plan, run, count."""

import json
from functools import partial
from itertools import chain
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
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

from .cursor import Statement
from .planner.choice import local_plan, plan_select
from .planner.onetable import one_table_plan
from .planner.plan import (
    CountPlan,
    GroupPlan,
    NativePlan,
    WithFallback,
)
from .planner.related import RelatedGroupsPlan
from .planner.shapes import Shape, shape_of
from .query import NonrelQuery
from .text import shown


class NonrelCompiler(django_compiler.SQLCompiler):
    """Reads. `store` is the user's connection; `connection`, by which Django writes
    SQL text, is the local engine's.
    """

    query_class: type[NonrelQuery] = NonrelQuery

    def __init__(self, query, connection, using, elide_empty=True):
        super().__init__(query, connection.local_engine.wrapper, using, elide_empty)
        self.store = connection
        # Whether the rows are Python values already.
        self.native = False
        self.qualify = self.having = self.where = None
        self.ordered = False
        self.has_extra_select = False
        self.skipping = self.selecting = False
        # Where all columns of the model are selected, and nothing else.
        self.shape: Shape | None = None

    @property
    def store_connection(self):
        return self.store

    def __repr__(self):
        return (
            f"<{self.__class__.__qualname__} model={self.query.model.__qualname__} "
            f"connection={self.store!r} using={self.using!r}>"
        )

    def compile(self, node):
        """SQL for the local engine, an expression's own `as_<vendor>` first."""
        if self.selecting and type(node) is Col:
            return "", []
        own = getattr(node, f"as_{self.store.vendor}", None)
        if own is not None:
            return own(self, self.connection)
        return super().compile(node)

    # --- values, for backends to override ---

    def convert_value_for_db(self, db_type: str | None, value: Any) -> Any:
        """A Python value as the store holds it; DataError when it cannot."""
        return value

    def convert_value_from_db(self, db_type: str | None, value: Any) -> Any:
        """A stored value, never None, as a Python value."""
        return value

    def for_db_converter(self, db_type: str | None):
        """The function that makes Python values stored ones."""
        return partial(self.convert_value_for_db, db_type)

    def from_db_converter(self, db_type: str | None):
        """The function that makes stored values Python values, None for none."""
        convert = partial(self.convert_value_from_db, db_type)
        if db_type != "datetime" or not settings.USE_TZ:
            return convert
        zone = self.store.timezone
        return lambda value: convert(value).replace(tzinfo=zone)

    # --- planning ---

    def plan(self):
        """The plan of the query; raises EmptyResultSet where nothing can match."""
        plan = one_table_plan(self)
        if plan is not None:
            self.native = True
            return plan
        refcounts = self.query.alias_refcount.copy()
        try:
            # The texts of plain columns are for the local engine, if it is asked.
            self.skipping = not (self.query.distinct or self.query.combinator)
            try:
                extra_select, order_by, _ = self.pre_sql_setup()
            finally:
                self.skipping = False
            self.ordered = bool(order_by)
            plan = plan_select(self, order_by, extra_select)
        finally:
            self.query.reset_refcounts(refcounts)
        self.native = isinstance(plan, NATIVE)
        return plan

    def get_select(self, with_col_aliases=False):
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

    def plan_locally(self):
        """The plan of the query where the store has turned out not to answer it."""
        refcounts = self.query.alias_refcount.copy()
        try:
            self.pre_sql_setup()
            return local_plan(self)
        finally:
            self.query.reset_refcounts(refcounts)

    def local_sql(self, with_limits: bool = True) -> tuple[str, tuple]:
        """The statement for the local engine."""
        explain, self.query.explain_info = self.query.explain_info, None
        locking, self.query.select_for_update = self.query.select_for_update, False
        try:
            sql, params = self.as_sql(with_limits=with_limits)
        finally:
            self.query.explain_info = explain
            self.query.select_for_update = locking
        if not sql:
            raise EmptyResultSet
        return sql, tuple(params)

    def locks(self) -> bool:
        """Whether the rows are to be locked; checks what Django checks."""
        query, features = self.query, self.store.features
        if not query.select_for_update or not features.has_select_for_update:
            return False
        if self.store.get_autocommit() and features.supports_transactions:
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

    def execute_sql(
        self, result_type=MULTI, chunked_fetch=False, chunk_size=GET_ITERATOR_CHUNK_SIZE
    ):
        result_type = result_type or NO_RESULTS
        try:
            plan = self.plan()
        except EmptyResultSet:
            return iter([]) if result_type == MULTI else None
        if self.query.explain_info:
            info = self.query.explain_info
            self.store.ops.explain_query_prefix(info.format, **info.options)
            return self.run(plan, lambda: [[(line,) for line in plan.explain()]])
        if result_type == MULTI:
            if chunked_fetch:
                return self.cursor_chunks(plan, chunk_size)
            return self.run(plan, lambda: list(self.chunks(plan)))
        row = self.run(plan, lambda: self.first_row(plan))
        return row if result_type == SINGLE else None

    def run(self, plan, work):
        """Do the work as one ORM query: logged, wrapped and counted as such."""
        with self.store.cursor() as cursor:
            cursor.execute(Statement(work, lambda: self.text(plan)))
            return getattr(cursor, "cursor", cursor).result

    def cursor_chunks(self, plan, chunk_size: int):
        """Chunks of rows, fetched as they are read."""
        cursor = self.store.chunked_cursor()
        try:
            cursor.execute(
                Statement(
                    lambda: chain.from_iterable(started(self.chunks(plan))),
                    lambda: self.text(plan),
                )
            )
        except Exception:
            cursor.close()
            raise
        chunks = django_compiler.cursor_iter(cursor, [], None, chunk_size)
        return chunks if self.store.features.can_use_chunked_reads else list(chunks)

    def text(self, plan) -> str:
        """The query as SQL would put it, then what was done instead."""
        try:
            sql, params = self.local_sql()
        except EmptyResultSet:
            return plan.text()
        if self.query.select_for_update and self.store.features.has_select_for_update:
            sql = f"{sql} {self.store.ops.for_update_sql()}"
        prefix = ""
        if self.query.explain_info:
            prefix = self.store.ops.explain_query_prefix() + " "
        return f"{prefix}{shown(sql, params)} -- {plan.text()}"

    def chunks(self, plan):
        if self.has_extra_select and not self.native:
            width = self.col_count
            return ([row[:width] for row in chunk] for chunk in plan.chunks())
        return plan.chunks()

    def first_row(self, plan):
        for chunk in plan.chunks():
            for row in chunk:
                return row[: self.col_count]
        return None

    def python_results(self, plan) -> list:
        """All rows of a plan as Python values, outside of any cursor."""
        return list(self.results_iter(list(self.chunks(plan))))

    def get_converters(self, expressions):
        if not self.native:
            return super().get_converters(expressions)
        if self.shape is not None:
            return self.shape.converters
        return self.native_column_converters(expressions)

    def native_column_converters(self, expressions) -> dict:
        converters = {}
        index = 0
        for expression in expressions:
            width = len(expression) if is_pairs(expression) else 1
            sources = expression.get_source_expressions() if width > 1 else [expression]
            for each in sources:
                found = self.native_converters(each) if each else []
                if found:
                    converters[index] = (found, each)
                index += 1
        return converters

    def apply_converters(self, rows, converters):
        # As Django's, but converters are shown the user's own connection.
        positions = list(converters.items())
        for row in map(list, rows):
            for position, (functions, expression) in positions:
                value = row[position]
                for convert in functions:
                    value = convert(value, expression, self.store)
                row[position] = value
            yield row

    def native_converters(self, expression) -> list:
        """What the fields themselves do to values read (`from_db_value`)."""
        return [
            decoded(converter.__self__.decoder)
            if getattr(converter, "__func__", None) is JSON_FROM_DB
            else converter
            for converter in expression.get_db_converters(self.store)
            if getattr(converter, "__func__", None) is not JSON_FROM_DB
            or converter.__self__.decoder is not None
        ]


NATIVE = (NativePlan, CountPlan, GroupPlan, RelatedGroupsPlan, WithFallback)


def decoded(decoder):
    """Has a JSONField's own decoder read a value that is read already."""
    return lambda value, expression, connection: (
        None if value is None else json.loads(json.dumps(value), cls=decoder)
    )


def is_pairs(expression) -> bool:
    return isinstance(expression, django_compiler.ColPairs)


def started(chunks):
    """The iterator with its first chunk fetched already."""
    first = next(chunks, None)
    return iter(()) if first is None else chain([first], chunks)


from django.db.models import JSONField  # noqa: E402

JSON_FROM_DB = JSONField.from_db_value


class NonrelAggregateCompiler(NonrelCompiler, django_compiler.SQLAggregateCompiler):
    """Aggregates over a subquery: always finished by the local engine."""

    def plan(self):
        inner = self.query.inner_query
        refcounts = inner.alias_refcount.copy()
        try:
            self.store.ops.compiler("SQLCompiler")(
                inner, self.store, self.using, self.elide_empty
            ).pre_sql_setup()
            plan = local_plan(self)
        finally:
            inner.reset_refcounts(refcounts)
        return plan

    def local_sql(self, with_limits: bool = True) -> tuple[str, tuple]:
        sql, params = self.as_sql()
        return sql, tuple(params)

    def locks(self) -> bool:
        return False


from .dml.writing import DeleteMixin, InsertMixin, UpdateMixin  # noqa: E402


class NonrelInsertCompiler(  # type: ignore[misc]
    InsertMixin, NonrelCompiler, django_compiler.SQLInsertCompiler
):
    """Inserts: values computed and checked here, rows handed to `insert`."""


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
