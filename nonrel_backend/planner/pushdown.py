"""Native plans: what of a query the store answers by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models.aggregates import Count
from django.db.models.expressions import Col, OrderBy, Ref, Star, Value
from django.db.models.sql.constants import INNER
from django.db.models.sql.datastructures import BaseTable, Join

from ..conditions import FALSE, Column, Condition
from ..query import Grouping
from .basescan import BaseScan, NotNative, Pending, Reduction
from .plan import CountPlan, GroupPlan, NativePlan, Stitch
from .tables import model_of_join
from .translate import Translator, Untranslatable, collated, conjuncts, top_level


@dataclass
class NativePlanner:
    """Tries to have the store answer, relations stitched on by key."""

    compiler: Any
    order_by: list
    extra_select: list

    def plan(self):
        compiler, query = self.compiler, self.compiler.query
        if (
            query.combinator
            or query.distinct
            or query.extra_tables
            or query.extra
            or compiler.qualify
            or getattr(query, "inner_query", None)
            or self.extra_select
        ):
            raise NotNative
        self.query, self.store = query, compiler.store
        self.base = query.base_table
        if not isinstance(query.alias_map.get(self.base), BaseTable):
            raise NotNative
        self.meta = query.get_meta().concrete_model._meta
        if self.meta.db_table != query.alias_map[self.base].table_name:
            raise NotNative
        self.selected = [expression for expression, _, _ in compiler.select]
        self.joins = self.to_one_joins()
        self.all_joins = dict(self.joins)
        if query.group_by is not None or compiler.having or self.all_aggregates():
            return self.grouped()
        return self.plain()

    # --- joins ---

    def to_one_joins(self) -> dict[str, Stitch]:
        joins: dict[str, Stitch] = {}
        for alias, join in self.query.alias_map.items():
            if not self.query.alias_refcount.get(alias) or alias == self.base:
                continue
            if not isinstance(join, Join) or join.filtered_relation is not None:
                raise NotNative
            relation = join.join_field
            if len(join.join_fields or ()) != 1:
                raise NotNative
            if relation.get_extra_restriction(alias, join.parent_alias):
                raise NotNative
            ((left, right),) = join.join_fields
            model = model_of_join(join)
            parent = joins.get(join.parent_alias)
            if model is None:
                raise NotNative
            many = not right.unique
            if many and join.join_type != INNER:
                raise NotNative
            if parent is None and join.parent_alias != self.base:
                raise NotNative
            joins[alias] = Stitch(
                alias,
                join.parent_alias,
                left.column,
                model._meta,
                Column(right.column, right.db_type(self.store)),
                [],
                join.join_type == INNER,
                many,
            )
        return joins

    def translated(self) -> list[Condition]:
        """The base's conditions; those on relations are kept with the relations."""
        found: list[Condition] = []
        where = self.compiler.where
        if where is None:
            return found
        for child in top_level(where):
            alias, condition = self.translate(child)
            if alias == self.base:
                found += conjuncts(condition)
            else:
                self.joins[alias].conditions += conjuncts(condition)
        if FALSE in found or any(FALSE in s.conditions for s in self.joins.values()):
            if not self.compiler.elide_empty:
                raise NotNative  # the empty answer is to be computed
            raise EmptyResultSet
        return found

    def translate(self, child) -> tuple[str, Condition]:
        for alias in (self.base, *self.joins):
            try:
                condition = Translator(
                    self.store, alias, self.subquery_values
                ).condition(child)
            except Untranslatable:
                continue
            if alias != self.base and not self.inner(alias):
                break
            return alias, condition
        raise NotNative

    def inner(self, alias: str) -> bool:
        while alias != self.base:
            if not self.joins[alias].required:
                return False
            alias = self.joins[alias].parent_alias
        return True

    def split_joins(self) -> dict[str, Stitch]:
        """Take the relations that are only filtered by out of `joins`.

        What is left is shown. A required relation, neither shown nor filtered by,
        must exist, and that only a row fetched shows.
        """
        shown = self.aliases_shown()
        filtered = {
            alias: stitch for alias, stitch in self.joins.items() if stitch.conditions
        }
        for alias in list(filtered):
            parent = self.joins[alias].parent_alias
            while parent in self.joins:
                filtered.setdefault(parent, self.joins[parent])
                parent = self.joins[parent].parent_alias
        for alias, stitch in self.joins.items():
            if stitch.many and (alias in shown or alias not in filtered):
                raise NotNative
        self.joins = {
            alias: stitch
            for alias, stitch in self.joins.items()
            if alias in shown or (stitch.required and alias not in filtered)
        }
        return filtered

    def reductions(self, filtered: dict[str, Stitch]) -> list["Reduction"]:
        """From the leaves of the tree up: find keys, filter the parent by them."""
        steps: dict[str, Reduction] = {}
        for alias in sorted(filtered, key=self.depth, reverse=True):
            stitch = filtered[alias]
            meta = (
                self.meta
                if stitch.parent_alias == self.base
                else filtered[stitch.parent_alias].meta
            )
            column = self.column_of(meta, stitch.parent_column)
            steps[alias] = Reduction(self.store, stitch, column, [])
            for other in list(filtered):
                if filtered[other].parent_alias == alias:
                    steps[alias].before.append(steps.pop(other))
        return list(steps.values())

    def depth(self, alias: str) -> int:
        depth = 0
        while alias != self.base:
            alias = self.all_joins[alias].parent_alias
            depth += 1
        return depth

    def aliases_shown(self) -> set[str]:
        shown = {
            part.alias
            for expression in [*self.selected, *self.order_sources()]
            for part in columns_in(expression)
        }
        for alias in list(shown):
            while alias in self.joins:
                alias = self.joins[alias].parent_alias
                shown.add(alias)
        return shown

    def order_sources(self) -> list:
        return [source(ordering.expression) for ordering, _ in self.order_by]

    def column_of(self, meta, name: str) -> Column:
        for each in meta.local_concrete_fields:
            if each.column == name:
                return Column(name, each.db_type(self.store))
        raise NotNative

    def subquery_values(self, query) -> "Pending | None":
        """The values, yet to be fetched, of a subquery that stands alone."""
        if query.get_external_cols():
            return None
        compiler = self.store.ops.compiler("SQLCompiler")(
            query.clone(), self.store, self.compiler.using
        )
        try:
            plan = compiler.plan()
        except EmptyResultSet:
            return Pending(compiler, None)
        if compiler.col_count != 1:
            return None
        return Pending(compiler, plan)

    # --- the base's own query ---

    def scan(self, fields, conditions: list[Condition], reductions) -> "BaseScan":
        return BaseScan(self.compiler, fields, conditions, reductions)

    def plain(self):
        conditions = self.translated()
        reductions = self.reductions(self.split_joins())
        if self.is_count():
            if self.joins:
                raise NotNative
            scan = self.scan([self.meta.pk], conditions, reductions)
            return CountPlan(scan.check())
        fields: list = []
        output, names = self.output(fields)
        ordering = self.ordering()
        for stitch in self.joins.values():
            self.field_index(stitch.alias, stitch.column.name, fields)
            self.field_index(stitch.parent_alias, stitch.parent_column, fields)
        if not fields:
            fields.append(self.first_pk())
        scan = self.scan(fields, conditions, reductions)
        scan.names = names
        scan.order(ordering)
        scan.lock = self.compiler.locks()
        return NativePlan(
            self.store,
            scan.check(),
            fields,
            self.numbered(output, fields, list(names)),
            self.query.low_mark,
            self.query.high_mark,
            list(self.joins.values()),
            self.base,
            list(names),
        )

    def first_pk(self):
        return self.meta.pk_fields[0]

    def output(self, fields: list) -> tuple[list, dict[str, Any]]:
        output: list = []
        names: dict[str, Any] = {}
        if self.compiler.shape is not None:
            fields += self.compiler.shape.fields
            return [(self.base, index) for index in range(len(fields))], names
        for expression in flat(self.selected):
            if type(expression) is Col:
                index = self.field_index(
                    expression.alias, expression.target.column, fields
                )
                output.append((expression.alias, index))
            elif type(expression) is Value:
                output.append(constant(expression))
            elif self.joins:
                raise NotNative
            else:
                name = f"computed_{len(names)}"
                names[name] = expression
                output.append(name)
        return output, names

    def numbered(self, output, fields, names) -> list:
        """Positions in the base's row, or (alias, position) where rows are stitched."""
        if self.joins:
            return output
        found = []
        for item in output:
            if isinstance(item, tuple):
                found.append(item[1])
            elif isinstance(item, str):
                found.append(len(fields) + names.index(item))
            else:
                found.append(item)
        return found

    def field_index(self, alias: str, column: str, fields: list) -> int:
        if alias == self.base:
            chosen, meta = fields, self.meta
        elif alias in self.joins:
            chosen, meta = self.joins[alias].fields, self.joins[alias].meta
        else:
            raise NotNative
        for index, each in enumerate(chosen):
            if each.column == column:
                return index
        for each in meta.local_concrete_fields:
            if each.column == column:
                chosen.append(each)
                return len(chosen) - 1
        raise NotNative

    def ordering(self) -> list[tuple[Column, bool]]:
        found: list[tuple[Column, bool]] = []
        for ordering, _ in self.order_by:
            if (
                type(ordering) is not OrderBy
                or ordering.nulls_first
                or ordering.nulls_last
            ):
                raise NotNative
            expression = source(ordering.expression)
            if type(expression) is Value:
                continue
            if hasattr(expression, "as_column"):
                column = Translator(self.store, self.base).column(expression)
                found.append((column, not ordering.descending))
                continue
            if type(expression) is not Col or expression.alias != self.base:
                raise NotNative
            if expression.target.db_type(self.store) == "json" or collated(
                expression.target
            ):
                raise NotNative
            column = self.column_of(self.meta, expression.target.column)
            found.append((column, not ordering.descending))
        return found

    # --- counting and grouping ---

    def all_aggregates(self) -> bool:
        return bool(self.selected) and all(
            getattr(each, "contains_aggregate", False) for each in self.selected
        )

    def is_count(self) -> bool:
        return len(self.selected) == 1 and counts_rows(self.selected[0])

    def grouped(self):
        if self.is_count() and self.query.group_by is None and not self.compiler.having:
            return self.plain()
        if any(stitch.many for stitch in self.joins.values()):
            raise NotNative
        conditions = self.translated()
        reductions = self.reductions(self.split_joins())
        if self.joins:
            raise NotNative
        for each in self.selected:
            if type(each) is Value:
                constant(each)
        grouping = Grouping(
            tuple(self.selected),
            None if self.query.group_by is None else self.group_expressions(),
            self.compiler.having or None,
            tuple(ordering for ordering, _ in self.order_by),
            self.query.low_mark,
            self.query.high_mark,
        )
        scan = self.scan([self.meta.pk], conditions, reductions)
        scan.grouping = grouping
        return GroupPlan(scan.check(), grouping)

    def group_expressions(self) -> tuple:
        group_by = self.query.group_by
        if group_by is True:
            group_by = ()
        found = [source(each) for each in group_by]
        found += [
            each
            for each in self.selected
            if not each.contains_aggregate and type(each) is not Value
        ]
        found += [
            source(ordering.expression)
            for ordering, _ in self.order_by
            if not ordering.contains_aggregate
        ]
        unique: list = []
        for each in found:
            if each not in unique:
                unique.append(each)
        return tuple(unique)


def columns_in(expression) -> Iterator[Col]:
    """The columns that an expression names."""
    if type(expression) is Col:
        yield expression
        return
    for each in expression.get_source_expressions():
        if each is not None:
            yield from columns_in(each)


def flat(expressions) -> list:
    """The expressions with composite keys taken apart."""
    found: list = []
    for expression in expressions:
        if type(expression).__name__ == "ColPairs":
            found += expression.get_source_expressions()
        else:
            found.append(expression)
    return found


def source(expression):
    """What a reference to a selected expression stands for."""
    while isinstance(expression, Ref):
        expression = expression.source
    return expression


def constant(expression: Value) -> Value:
    """A value that stands for itself: what SQL would convert is left to it."""
    value = expression.value
    field_ = getattr(expression, "_output_field_or_none", None)
    if value is not None and field_ is not None:
        if not isinstance(value, (str, int, float, bool)):
            raise NotNative
    return expression


def counts_rows(expression) -> bool:
    """Whether an expression is COUNT(*)."""
    if type(expression) is not Count or expression.filter or expression.distinct:
        return False
    return type(expression.get_source_expressions()[0]) is Star
