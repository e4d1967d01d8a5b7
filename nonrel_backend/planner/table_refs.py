"""The tables that a statement reads: conditions on each, and the joins between."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models import lookups
from django.db.models.expressions import Col, Exists
from django.db.models.fields.related_lookups import RelatedExact, RelatedIn
from django.db.models.sql.constants import INNER
from django.db.models.sql.datastructures import BaseTable, Join
from django.db.models.sql.query import Query

from ..conditions import FALSE, Column, Condition, Leaf, conjuncts
from ..values.columns import of_one_kind
from .refusal import Refused
from .tables import model_of_join, model_of_table, queries_within
from .translate import Translator, top_level

# How much a scan by a lookup reads, in classes of selectivity as System R's optimizer
# has them (equality, then IN, then a range, then a half-open range). They only order
# the scans of one statement: which comes first changes its cost, never its answer.
LOOKUP_COSTS = {"exact": 1, "in": 2, "range": 3, "startswith": 3, "gt": 4, "lt": 4}
# On a column that is not unique, any lookup may match many rows.
NOT_UNIQUE = 2
# A condition that no index is likely to serve, and no condition at all.
OTHER_LOOKUP, WHOLE_TABLE = 6, 9


@dataclass(eq=False)
class TableRef:
    """One alias of a table in one (sub)query."""

    alias: str
    meta: Any
    # Whether only INNER joins lead to it, so that conditions on it may be pushed down.
    inner: bool
    conditions: list[Condition] = field(default_factory=list)

    @property
    def table(self) -> str:
        """The table's name."""
        return str(self.meta.db_table)

    def cost(self) -> int:
        """Return an estimate of how much the scan reads, lower is less."""
        costs = [self.condition_cost(each) for each in self.conditions]
        return min(costs, default=WHOLE_TABLE)

    def condition_cost(self, condition: Condition) -> int:
        """Return the cost of a scan by one condition."""
        if condition == FALSE:
            return 0
        if not isinstance(condition, Leaf) or condition.negated:
            return OTHER_LOOKUP
        cost = LOOKUP_COSTS.get(condition.lookup_type)
        if cost is None:
            return OTHER_LOOKUP
        is_unique = any(
            each.column == condition.column.name and each.unique
            for each in self.meta.local_concrete_fields
        )
        return cost if is_unique else cost + NOT_UNIQUE


@dataclass(frozen=True)
class JoinEdge:
    """`source`'s values of a column bound those that `target` needs of another."""

    source: TableRef
    source_column: str
    target: TableRef
    target_column: Column


# Of one query, by alias; of all queries, by alias; of all queries, by identity.
Refs = dict[str, TableRef]
ByAlias = dict[str, list[TableRef]]
Found = dict[int, Refs]


def table_refs_of(store: Any, main: Query) -> tuple[list[TableRef], list[JoinEdge]]:
    """Return the table references of a statement, and the edges between them."""
    found: dict[int, dict[str, TableRef]] = {}
    queries = list(queries_within(main))
    by_alias: dict[str, list[TableRef]] = {}
    for query in queries:
        if not isinstance(query, Query) or getattr(query, "model", None) is None:
            continue
        found[id(query)] = refs = _refs_of_query(query)
        for ref in refs.values():
            by_alias.setdefault(ref.alias, []).append(ref)
    edges: list[JoinEdge] = []
    for query in queries:
        mine = found.get(id(query))
        if mine:
            edges += _join_edges(store, query, mine)
            edges += _condition_edges(store, query, mine, by_alias, found)
    return [ref for refs in found.values() for ref in refs.values()], edges


def tables_of_text(sql: str, refs: list[TableRef]) -> set[str]:
    """Return the tables that a text names more often than the references do.

    The rest of the text may need all of their rows.
    """
    found = set()
    for table, count in Counter(ref.table for ref in refs).items():
        name = re.escape(table)
        quoted, bare = rf'(?<![\w.])"{name}"(?!\.)', rf'(?<![\w."]){name}\b(?![."])'
        named = re.findall(f"{quoted}|{bare}", sql, re.IGNORECASE)
        if len(named) > count:
            found.add(table)
    return found


def _refs_of_query(query: Query) -> dict[str, TableRef]:
    refs: dict[str, TableRef] = {}
    if not any(query.alias_refcount.values()):
        query.get_initial_alias()  # a query that names no column yet
    for alias, table in query.alias_map.items():
        if not query.alias_refcount.get(alias):
            continue
        if isinstance(table, Join):
            model = model_of_join(table)
            parent = refs.get(table.parent_alias)
            inner = table.join_type == INNER and (parent is None or parent.inner)
        elif isinstance(table, BaseTable):
            model = query.get_meta().concrete_model
            if model._meta.db_table != table.table_name:
                model = model_of_table(query.model, table.table_name)
            inner = True
        else:
            continue
        if model is not None:
            refs[alias] = TableRef(alias, model._meta, inner)
    return refs


def _join_edges(store: Any, query: Query, refs: dict[str, TableRef]) -> list[JoinEdge]:
    edges = []
    for alias, ref in refs.items():
        join = query.alias_map[alias]
        if not isinstance(join, Join) or join.parent_alias not in refs:
            continue
        parent = refs[join.parent_alias]
        if join.filtered_relation is not None:
            condition = getattr(join.filtered_relation, "resolved_condition", None)
            _push_conjuncts(store, condition, ref)
        for left, right in join.join_fields or ():
            edges.append(JoinEdge(parent, left.column, ref, _column(store, right)))
            if join.join_type == INNER:
                edges.append(JoinEdge(ref, right.column, parent, _column(store, left)))
    return edges


def _column(store: Any, model_field: Any) -> Column:
    return Column(model_field.column, model_field.db_type(store))


def _condition_edges(
    store: Any, query: Query, refs: Refs, by_alias: ByAlias, found: Found
) -> list[JoinEdge]:
    """Push the query's conjuncts to their aliases; return edges of the others."""
    edges: list[JoinEdge] = []
    where = query.where
    for child in top_level(where):
        if getattr(child, "contains_aggregate", False) or getattr(
            child, "contains_over_clause", False
        ):
            continue
        if not any(
            _push_conjuncts(store, child, ref) for ref in refs.values() if ref.inner
        ):
            edges += _lookup_edges(store, child, refs, by_alias, found)
    return edges


def _push_conjuncts(store: Any, node: Any, ref: TableRef) -> bool:
    if node is None:
        return False
    try:
        condition = Translator(store, ref.alias).condition(node)
    except (Refused, FullResultSet):
        return False
    except EmptyResultSet:
        condition = FALSE
    ref.conditions += conjuncts(condition)
    return True


def _lookup_edges(
    store: Any, child: Any, refs: Refs, by_alias: ByAlias, found: Found
) -> list[JoinEdge]:
    if type(child) in (lookups.In, RelatedIn) and isinstance(child.rhs, Query):
        return _subquery_edges(store, child, refs, found)
    if not isinstance(child, (lookups.Exact, RelatedExact)):
        return []
    if type(child.lhs) is Exists and child.rhs is True:
        return _exists_edges(store, child.lhs.query, refs, found)
    edges = []
    for inner, outer in ((child.lhs, child.rhs), (child.rhs, child.lhs)):
        if not (type(inner) is Col and type(outer) is Col):
            continue
        ref = refs.get(inner.alias)
        others = by_alias.get(outer.alias, [])
        if ref is None or not ref.inner or outer.alias in refs or len(others) != 1:
            continue
        if not of_one_kind(store, inner.target, outer.target):
            continue
        edges.append(
            JoinEdge(others[0], outer.target.column, ref, _column(store, inner.target))
        )
    return edges


def _subquery_edges(store: Any, child: Any, refs: Refs, found: Found) -> list[JoinEdge]:
    inner_refs = found.get(id(child.rhs), {})
    ref = refs.get(child.lhs.alias) if type(child.lhs) is Col else None
    if ref is None or not ref.inner or len(child.rhs.select) != 1:
        return []
    (selected,) = child.rhs.select
    if type(selected) is not Col or selected.alias not in inner_refs:
        return []
    if not of_one_kind(store, selected.target, child.lhs.target):
        return []
    source = inner_refs[selected.alias]
    return [
        JoinEdge(source, selected.target.column, ref, _column(store, child.lhs.target))
    ]


def _exists_edges(store: Any, query: Any, refs: Refs, found: Found) -> list[JoinEdge]:
    """Return the edges of EXISTS: an outer row needs an inner one of equal columns."""
    edges = []
    inside = found.get(id(query), {})
    for child in top_level(query.where) if inside else ():
        if not isinstance(child, (lookups.Exact, RelatedExact)):
            continue
        for inner, outer in ((child.lhs, child.rhs), (child.rhs, child.lhs)):
            if not (type(inner) is Col and type(outer) is Col):
                continue
            if not of_one_kind(store, inner.target, outer.target):
                continue
            source, target = inside.get(inner.alias), refs.get(outer.alias)
            if source and target and source.inner and target.inner:
                column = _column(store, outer.target)
                edges.append(JoinEdge(source, inner.target.column, target, column))
    return edges
