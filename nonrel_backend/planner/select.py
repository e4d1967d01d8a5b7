"""A SELECT as the rules see it: its base table, to-one joins and conditions."""

from functools import cached_property, partial
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models.aggregates import Count
from django.db.models.expressions import Col, OrderBy, Star, Value
from django.db.models.sql.constants import INNER
from django.db.models.sql.datastructures import BaseTable, Join

from ..conditions import FALSE, Column, Condition, conjuncts
from ..values.columns import collated
from .expressions import columns_in, expression_text, flat, source
from .refusal import Refused
from .several_tables import SeveralTables
from .table_refs import JoinEdge, TableRef, table_refs_of, tables_of_text
from .table_scan import DeferredSubquery, LookupJoin, SemiJoin, build_scan
from .tables import (
    field_of,
    holds_text,
    is_correlated,
    model_of_join,
    queries_within,
    writes_own_sql,
)
from .translate import OtherTable, Translator, top_level


class Setup(NamedTuple):
    """What Django's preparation finds: base alias, SELECT, extra selects, ORDER BY."""

    base: str
    selected: list[Any]
    extra_select: list[Any]
    order_by: list[Any]


class LocalStatement(NamedTuple):
    """A statement as SQL, and the tables that it reads with the edges between them.

    Those in `whole` are also named by a text that only SQL understands.
    """

    sql: str
    params: tuple[Any, ...]
    refs: list[TableRef]
    edges: list[JoinEdge]
    whole: set[str]


class Select:
    """A statement to be planned.

    What takes work is worked out when a rule asks for it, once for all rules.
    """

    def __init__(self, compiler: Any):
        self.compiler = compiler
        self.query = compiler.query
        self.store = compiler.store

    @cached_property
    def setup(self) -> "Setup":
        """What Django's own preparation of the statement finds."""
        extra_select, order_by = self.compiler.setup()
        selected = [expression for expression, _, _ in self.compiler.select]
        return Setup(self.query.base_table, selected, extra_select, order_by)

    @property
    def base(self) -> str:
        """The alias of the base table."""
        return self.setup.base

    @property
    def selected(self) -> list[Any]:
        """The expressions that the statement selects."""
        return self.setup.selected

    @property
    def order_by(self) -> list[Any]:
        """The ORDER BY as Django's compiler has it: [(OrderBy, (sql, ...)), ...]."""
        return self.setup.order_by

    @cached_property
    def meta(self) -> Any:
        """The model options of the base table."""
        return self.query.get_meta().concrete_model._meta

    @cached_property
    def local(self) -> "LocalStatement":
        """The statement for the local engine, with the tables that it reads."""
        # The aliases are complete then: as_sql() forgets those of select_related() that
        # it makes itself.
        _ = self.setup
        sql, params = self.compiler.local_sql()
        refs, edges = table_refs_of(self.store, self.query)
        whole = set()
        if self.has_own_sql:
            whole = tables_of_text(sql, refs)
            edges = [edge for edge in edges if edge.target.table not in whole]
            for ref in refs:
                ref.conditions = [] if ref.table in whole else ref.conditions
        return LocalStatement(sql, params, refs, edges, whole)

    # --- what keeps a statement from the store ---

    @cached_property
    def has_own_sql(self) -> bool:
        """Whether the query, or one within, holds or writes SQL of its own."""
        return any(
            writes_own_sql(query) or holds_text(query)
            for query in queries_within(self.query)
        )

    @cached_property
    def drops_duplicates(self) -> bool:
        """Whether DISTINCT may drop rows: they may repeat, or no key is selected."""
        query = self.query
        if not query.distinct or query.distinct_fields:
            return bool(query.distinct)
        if (query.low_mark, query.high_mark) == (0, 1):
            return False  # the first row is the first of those without duplicates
        used = {alias for alias, count in query.alias_refcount.items() if count}
        if used - {self.base}:
            return True
        selected = {
            each.target
            for each in flat(self.selected)
            if type(each) is Col and each.alias == self.base
        }
        return not selected.issuperset(self.meta.pk_fields)

    def require_plain(self, with_distinct: bool = False) -> None:
        """Raise Refused if no store could answer the statement by itself.

        `with_distinct` is for a rule that answers DISTINCT.
        """
        query, compiler = self.query, self.compiler
        for found, reason in (
            (writes_own_sql(query), f"{type(compiler).__name__} writes SQL of its own"),
            (query.combinator, f"the statement is a {query.combinator}"),
            (
                self.drops_duplicates
                and not with_distinct
                and not self.is_distinct_by_key,
                "the statement is DISTINCT",
            ),
            (query.extra_tables or query.extra, "the statement has SQL by extra()"),
            (compiler.qualify, "the statement filters by a window function"),
            (
                getattr(query, "inner_query", None),
                "the statement has a subquery in FROM",
            ),
            (self.setup.extra_select, "DISTINCT and ORDER BY select different columns"),
        ):
            if found:
                raise Refused(reason)
        table = query.alias_map.get(self.base)
        if not isinstance(table, BaseTable):
            raise Refused("the statement has no base table")
        if self.meta.db_table != table.table_name:
            raise Refused(f"the base table is not that of {self.meta.label}")

    @property
    def groups(self) -> bool:
        """Whether the statement has GROUP BY, HAVING or nothing but aggregates."""
        return bool(
            self.query.group_by is not None
            or self.compiler.having
            or (
                self.selected
                and all(
                    getattr(each, "contains_aggregate", False) for each in self.selected
                )
            )
        )

    @property
    def counts_rows(self) -> bool:
        """Whether the statement is SELECT COUNT(*) with no GROUP BY."""
        return (
            len(self.selected) == 1
            and counts_rows(self.selected[0])
            and self.query.group_by is None
            and not self.compiler.having
        )

    # --- joins ---

    @cached_property
    def joins(self) -> dict[str, LookupJoin]:
        """The joins by alias; raise Refused for those that no lookup by key serves."""
        joins: dict[str, LookupJoin] = {}
        for alias, join in self.query.alias_map.items():
            if not self.query.alias_refcount.get(alias) or alias == self.base:
                continue
            if not isinstance(join, Join):
                raise Refused(f"{alias} is not joined by a relation")
            left, right = self.join_columns(join, alias)
            model = model_of_join(join)
            if model is None:
                raise Refused(f"no model is known for the table {join.table_name}")
            many = not right.unique
            if many and join.join_type != INNER:
                raise Refused(f"{join.table_name} is joined to many rows")
            if join.parent_alias not in (self.base, *joins):
                raise Refused(f"{alias} is joined to no table before it")
            joins[alias] = LookupJoin(
                alias,
                join.parent_alias,
                left.column,
                model._meta,
                Column(right.column, self.store.type_of(right)),
                join.join_type == INNER,
                many,
            )
        return joins

    def join_columns(self, join: Any, alias: str) -> tuple[Any, Any]:
        """Return the fields of a join that is one equality, or raise Refused."""
        if join.filtered_relation is not None:
            raise Refused(f"{alias} is a FilteredRelation")
        if len(join.join_fields or ()) != 1:
            raise Refused(f"{join.table_name} is joined by several columns")
        if join.join_field.get_extra_restriction(alias, join.parent_alias):
            raise Refused(f"the join of {join.table_name} has a restriction of its own")
        ((left, right),) = join.join_fields
        return left, right

    # --- conditions ---

    def conditions(self, joins: dict[str, LookupJoin]) -> list[Condition]:
        """Return the base's conditions; add the others to the joins that they are of.

        Raise Refused for a condition that is not on columns of one table, and
        EmptyResultSet if nothing can match.
        """
        found: list[Condition] = []
        where = self.compiler.where
        if where is None:
            return found
        for child in top_level(where):
            alias, condition = self.translate(child, joins)
            target = found if alias == self.base else joins[alias].conditions
            target += conjuncts(condition)
        if FALSE in found or any(FALSE in join.conditions for join in joins.values()):
            if not self.compiler.elide_empty:
                raise Refused("nothing can match, and the answer to that is computed")
            raise EmptyResultSet
        return found

    def translate(
        self, child: Any, joins: dict[str, LookupJoin]
    ) -> tuple[str, Condition]:
        """Return a conjunct of the WHERE with the alias whose columns it is on."""
        reason = ""
        for alias in (self.base, *joins):
            translator = Translator(self.store, alias, self.subquery_values)
            try:
                condition = translator.condition(child)
            except OtherTable:
                continue
            except Refused as refused:
                reason = reason or refused.reason
                continue
            except FullResultSet:
                raise Refused("a condition is always true") from None
            if alias != self.base and not self.is_inner(alias, joins):
                continue
            return alias, condition
        if reason:
            raise Refused(reason)
        return self.base, SeveralTables(self, joins).condition(child)

    def is_inner(self, alias: str, joins: dict[str, LookupJoin]) -> bool:
        """Return whether only INNER joins lead to an alias."""
        while alias != self.base:
            if not joins[alias].required:
                return False
            alias = joins[alias].parent_alias
        return True

    def subquery_values(
        self, query: Any, of_exists: bool = False
    ) -> DeferredSubquery | None:
        """Return the values, yet to be fetched, of a subquery; None if correlated."""
        if is_correlated(query):
            return None
        compiler = query.clone().get_compiler(connection=self.store)
        compiler.using = self.compiler.using
        compiler.ignores_repeats = True
        try:
            planned = compiler.plan()
        except EmptyResultSet:
            return DeferredSubquery(compiler, None)
        if compiler.col_count != 1:
            return None
        return DeferredSubquery(compiler, planned, of_exists)

    @cached_property
    def ignores_repeats(self) -> bool:
        """Whether a row that joins repeat may be in the answer once.

        So it is for the values of a subquery, and where DISTINCT drops what joins
        repeat: the key is selected, and no column of a to-many relation.
        """
        if self.compiler.ignores_repeats and not self.query.is_sliced:
            return True
        return self.is_distinct_by_key

    @cached_property
    def is_distinct_by_key(self) -> bool:
        """Whether DISTINCT keeps each row of the base table once."""
        query = self.query
        if not query.distinct or query.distinct_fields or self.setup.extra_select:
            return False
        try:
            shown = self.aliases_shown(self.joins)
        except Refused:
            return False
        many = {alias for alias, join in self.joins.items() if join.many}
        selected = {
            each.target
            for each in flat(self.selected)
            if type(each) is Col and each.alias == self.base
        }
        return selected.issuperset(self.meta.pk_fields) and not shown & many

    # --- semi-joins ---

    def split_joins(
        self, joins: dict[str, LookupJoin]
    ) -> tuple[dict[str, LookupJoin], list[SemiJoin]]:
        """Return the joins whose rows are needed, and the semi-joins of the others.

        A required relation that is neither selected nor filtered by must exist, which
        only its row shows.
        """
        shown = self.aliases_shown(joins)
        filtered = {alias: join for alias, join in joins.items() if join.conditions}
        for alias in list(filtered):
            parent = joins[alias].parent_alias
            while parent in joins:
                filtered.setdefault(parent, joins[parent])
                parent = joins[parent].parent_alias
        for alias, join in joins.items():
            if join.many and (alias in shown or alias not in filtered):
                raise Refused(f"{join.meta.db_table} is joined to many rows")
        looked_up = {
            alias: join
            for alias, join in joins.items()
            if alias in shown or (join.required and alias not in filtered)
        }
        return looked_up, self.semi_joins(filtered, joins)

    def semi_joins(
        self, filtered: dict[str, LookupJoin], joins: dict[str, LookupJoin]
    ) -> list[SemiJoin]:
        """Return the semi-joins on the base, each with those that it needs first."""
        found: dict[str, SemiJoin] = {}
        for alias in sorted(filtered, key=partial(depth, joins), reverse=True):
            join = filtered[alias]
            is_first = join.parent_alias == self.base
            parent = self.meta if is_first else filtered[join.parent_alias].meta
            inner = [
                found.pop(other)
                for other in list(found)
                if filtered[other].parent_alias == alias
            ]
            key = field_of(join.meta, join.column.name)
            scan = build_scan(self.store, join.meta, [key], join.conditions, inner)
            column = self.column_of(parent, join.parent_column)
            once = join.many and not self.ignores_repeats
            found[alias] = SemiJoin(join, column, scan, once)
        return list(found.values())

    def aliases_shown(self, joins: dict[str, LookupJoin]) -> set[str]:
        """Return the aliases with selected or ordering columns, and their parents."""
        ordering = [source(each.expression) for each, _ in self.order_by]
        shown = {
            part.alias
            for expression in [*self.selected, *ordering]
            for part in columns_in(expression)
        }
        for alias in list(shown):
            while alias in joins:
                alias = joins[alias].parent_alias
                shown.add(alias)
        return shown

    # --- columns ---

    def column_of(self, meta: Any, name: str) -> Column:
        """Return a column of a table; raise Refused if it is another table's."""
        return Column(name, self.store.type_of(field_of(meta, name)))

    def ordering(self) -> list[tuple[Column, bool]]:
        """Return the order as [(Column, ascending), ...] of the base's columns."""
        return self.ordering_of(self.order_by, self.base, self.meta)

    def ordering_of(
        self, order_by: list[Any], alias: str, meta: Any
    ) -> list[tuple[Column, bool]]:
        """Return some of the order as ordering() does, of another table's columns."""
        found: list[tuple[Column, bool]] = []
        for ordering, _ in order_by:
            if type(ordering) is not OrderBy:
                raise Refused(f"{expression_text(ordering)} is no plain ordering")
            if ordering.nulls_first or ordering.nulls_last:
                raise Refused("the order says where NULLs come")
            expression = source(ordering.expression)
            if type(expression) is Value:
                continue
            if hasattr(expression, "as_column"):
                column = Translator(self.store, alias).column(expression)
                found.append((column, not ordering.descending))
                continue
            if type(expression) is not Col:
                raise Refused(f"the order is by {expression_text(expression)}")
            if expression.alias != alias:
                raise Refused(f"the order is by a column of {expression.alias}")
            if self.store.type_of(expression.target) == "json":
                raise Refused(f"the order is by the JSON {expression_text(expression)}")
            if collated(expression.target):
                raise Refused(f"{expression_text(expression)} has a collation")
            column = self.column_of(meta, expression.target.column)
            found.append((column, not ordering.descending))
        return found


def depth(joins: dict[str, LookupJoin], alias: str) -> int:
    """Return how many joins lead to an alias."""
    found = 0
    while alias in joins:
        alias = joins[alias].parent_alias
        found += 1
    return found


def constant(expression: Value) -> Value:
    """Return a value that stands for itself; raise Refused if SQL would convert it."""
    value = expression.value
    output = getattr(expression, "_output_field_or_none", None)
    if value is not None and output is not None:
        if not isinstance(value, (str, int, float, bool)):
            raise Refused(f"SQL converts the constant {value!r}")
    return expression


def counts_rows(expression: Any) -> bool:
    """Return whether an expression is COUNT(*)."""
    if type(expression) is not Count or expression.filter or expression.distinct:
        return False
    return type(expression.get_source_expressions()[0]) is Star
