"""What a statement asks of each table: conditions per alias and the joins between."""

from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models import lookups
from django.db.models.expressions import Col, Exists
from django.db.models.fields.related_lookups import RelatedExact, RelatedIn
from django.db.models.sql.constants import INNER
from django.db.models.sql.datastructures import BaseTable, Join
from django.db.models.sql.query import Query

from ..conditions import FALSE, Column, Condition, Leaf
from ..values.columns import of_one_kind
from .tables import model_of_join, model_of_table, queries_within
from .translate import Translator, Untranslatable, conjuncts, top_level


@dataclass(eq=False)
class Use:
    """One alias of a table in one (sub)query."""

    alias: str
    meta: Any
    inner: bool
    conditions: list[Condition] = field(default_factory=list)

    @property
    def table(self) -> str:
        return self.meta.db_table

    def cost(self) -> int:
        """A guess at how much the scan reads, lower first."""
        return min((self.leaf_cost(each) for each in self.conditions), default=9)

    def leaf_cost(self, condition: Condition) -> int:
        if condition == FALSE:
            return 0
        if not isinstance(condition, Leaf) or condition.negated:
            return 6
        if condition.lookup_type not in LEAF_COSTS:
            return 6
        cost = LEAF_COSTS[condition.lookup_type]
        unique = any(
            each.column == condition.column.name and each.unique
            for each in self.meta.local_concrete_fields
        )
        return cost if unique else cost + 2


LEAF_COSTS = {"exact": 1, "in": 2, "range": 3, "startswith": 3, "gt": 4, "lt": 4}


@dataclass(frozen=True)
class Edge:
    """`source`'s values of a column bound those that `target` needs of another."""

    source: Use
    source_column: str
    target: Use
    target_column: Column


def uses_of(store, main: Query) -> tuple[list[Use], list[Edge]]:
    """All table uses of a statement and the edges along which keys restrict them."""
    found: dict[int, dict[str, Use]] = {}
    queries = list(queries_within(main))
    by_alias: dict[str, list[Use]] = {}
    for query in queries:
        if not isinstance(query, Query) or getattr(query, "model", None) is None:
            continue
        found[id(query)] = uses = _uses_of_query(query)
        for use in uses.values():
            by_alias.setdefault(use.alias, []).append(use)
    edges: list[Edge] = []
    for query in queries:
        mine = found.get(id(query))
        if mine:
            edges += _join_edges(store, query, mine)
            edges += _condition_edges(store, query, mine, by_alias, found)
    return [use for uses in found.values() for use in uses.values()], edges


def _uses_of_query(query: Query) -> dict[str, Use]:
    uses: dict[str, Use] = {}
    if not any(query.alias_refcount.values()):
        query.get_initial_alias()  # a query that names no column yet
    for alias, table in query.alias_map.items():
        if not query.alias_refcount.get(alias):
            continue
        if isinstance(table, Join):
            model = model_of_join(table)
            parent = uses.get(table.parent_alias)
            inner = table.join_type == INNER and (parent is None or parent.inner)
        elif isinstance(table, BaseTable):
            model = query.get_meta().concrete_model
            if model._meta.db_table != table.table_name:
                model = model_of_table(query.model, table.table_name)
            inner = True
        else:
            continue
        if model is not None:
            uses[alias] = Use(alias, model._meta, inner)
    return uses


def _join_edges(store, query: Query, uses: dict[str, Use]) -> list[Edge]:
    edges = []
    for alias, use in uses.items():
        join = query.alias_map[alias]
        if not isinstance(join, Join) or join.parent_alias not in uses:
            continue
        parent = uses[join.parent_alias]
        if join.filtered_relation is not None:
            condition = getattr(join.filtered_relation, "resolved_condition", None)
            _push_conjuncts(store, condition, use)
        for left, right in join.join_fields or ():
            edges.append(Edge(parent, left.column, use, _column(store, right)))
            if join.join_type == INNER:
                edges.append(Edge(use, right.column, parent, _column(store, left)))
    return edges


def _column(store, model_field) -> Column:
    return Column(model_field.column, model_field.db_type(store))


def _condition_edges(store, query, uses, by_alias, found) -> list[Edge]:
    """Push the query's conjuncts to their aliases; return edges from the others."""
    edges: list[Edge] = []
    where = query.where
    for child in top_level(where):
        if getattr(child, "contains_aggregate", False) or getattr(
            child, "contains_over_clause", False
        ):
            continue
        if not any(
            _push_conjuncts(store, child, use) for use in uses.values() if use.inner
        ):
            edges += _lookup_edges(store, child, uses, by_alias, found)
    return edges


def _push_conjuncts(store, node, use: Use) -> bool:
    if node is None:
        return False
    try:
        condition = Translator(store, use.alias).condition(node)
    except (Untranslatable, FullResultSet):
        return False
    except EmptyResultSet:
        condition = FALSE
    use.conditions += conjuncts(condition)
    return True


def _lookup_edges(store, child, uses, by_alias, found) -> list[Edge]:
    if type(child) in (lookups.In, RelatedIn) and isinstance(child.rhs, Query):
        return _subquery_edges(store, child, uses, found)
    if not isinstance(child, (lookups.Exact, RelatedExact)):
        return []
    if type(child.lhs) is Exists and child.rhs is True:
        return _exists_edges(store, child.lhs.query, uses, found)
    edges = []
    for inner, outer in ((child.lhs, child.rhs), (child.rhs, child.lhs)):
        if not (type(inner) is Col and type(outer) is Col):
            continue
        use = uses.get(inner.alias)
        others = by_alias.get(outer.alias, [])
        if use is None or not use.inner or outer.alias in uses or len(others) != 1:
            continue
        if not of_one_kind(store, inner.target, outer.target):
            continue
        edges.append(
            Edge(others[0], outer.target.column, use, _column(store, inner.target))
        )
    return edges


def _subquery_edges(store, child, uses, found) -> list[Edge]:
    inner_uses = found.get(id(child.rhs), {})
    use = uses.get(child.lhs.alias) if type(child.lhs) is Col else None
    if use is None or not use.inner or len(child.rhs.select) != 1:
        return []
    (selected,) = child.rhs.select
    if type(selected) is not Col or selected.alias not in inner_uses:
        return []
    if not of_one_kind(store, selected.target, child.lhs.target):
        return []
    source = inner_uses[selected.alias]
    return [Edge(source, selected.target.column, use, _column(store, child.lhs.target))]


def _exists_edges(store, query, uses, found) -> list[Edge]:
    """A row outside needs one inside with which it is equal in some columns."""
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
            source, target = inside.get(inner.alias), uses.get(outer.alias)
            if source and target and source.inner and target.inner:
                column = _column(store, outer.target)
                edges.append(Edge(source, inner.target.column, target, column))
    return edges
