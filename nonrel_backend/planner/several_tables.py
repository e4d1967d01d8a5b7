"""Conditions on columns of several tables, as conditions on columns of the base table.

What is asked of a related row becomes a semi-join: `Q(author__name="x") | Q(pages=7)`
is `author_id IN (keys of such authors) OR pages = 7`.
"""

from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models.sql.where import AND, OR, WhereNode

from ..conditions import FALSE, TRUE, Condition, Leaf, Node, combine, disjunction
from .expressions import expression_text
from .refusal import Refused
from .table_scan import DeferredKeys, LookupJoin, build_scan
from .tables import field_of
from .translate import OtherTable, Translator, untrue


class SeveralTables:
    """Translates trees of lookups on the base table and on to-one relations of it."""

    def __init__(self, select: Any, joins: dict[str, LookupJoin]):
        self.select = select
        self.joins = joins

    def condition(self, node: Any, negated: bool = False) -> Condition:
        """Return the base's condition for a tree or lookup; raise Refused for others.

        It is true for the same rows: a tree of AND and OR over the truth of its parts.
        """
        for alias in (self.select.base, *self.joins):
            translator = Translator(
                self.select.store,
                alias,
                self.select.subquery_values,
                is_outer=alias != self.select.base,
            )
            try:
                return self.on_base(translator.condition(node, negated), alias)
            except OtherTable:
                continue
            except EmptyResultSet:
                return TRUE if negated else FALSE
            except FullResultSet:
                return FALSE if negated else TRUE
        if not isinstance(node, WhereNode) or node.connector not in (AND, OR):
            text = f"{expression_text(node)} is on columns of several tables"
            raise Refused(text)
        negated = negated != node.negated
        connector = (
            node.connector if not negated else OR if node.connector == AND else AND
        )
        return combine(
            connector, [self.condition(child, negated) for child in node.children]
        )

    def on_base(self, condition: Condition, alias: str) -> Condition:
        """Return the base's condition that a related row satisfies this one."""
        while alias != self.select.base:
            join = self.joins[alias]
            if join.many:
                raise Refused(f"{join.meta.db_table} is joined to many rows")
            condition = self.on_parent(condition, join)
            alias = join.parent_alias
        return condition

    def on_parent(self, condition: Condition, join: LookupJoin) -> Condition:
        """Return the condition of the rows whose related row satisfies this one.

        Where there is no related row, an outer join compares with NULLs.
        """
        if condition in (TRUE, FALSE):
            return condition
        parent = self.joins.get(join.parent_alias)
        meta = self.select.meta if parent is None else parent.meta
        column = self.select.column_of(meta, join.parent_column)
        holds_of_none = not join.required and is_true_of_nulls(condition)
        if holds_of_none:
            condition = untrue(condition)
        key = field_of(join.meta, join.column.name)
        scan = build_scan(self.select.store, join.meta, [key], [condition])
        found = Leaf(column, "in", DeferredKeys(scan), holds_of_none)
        if holds_of_none:
            return disjunction(found, Leaf(column, "isnull", True))
        return found


def is_true_of_nulls(condition: Condition) -> bool:
    """Return whether a condition is true where all columns are NULL."""
    if isinstance(condition, Node):
        every = condition.connector == "AND"
        return (all if every else any)(map(is_true_of_nulls, condition.children))
    if condition.column.is_many:
        return condition.negated
    if condition.lookup_type == "isnull":
        return bool(condition.value) != condition.negated
    return False
