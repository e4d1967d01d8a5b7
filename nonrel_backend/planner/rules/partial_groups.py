"""GROUP BY, aggregates and DISTINCT over joins: the store groups one table first.

The local engine joins the groups, which are few where the rows are many, with the other
tables, and finishes the statement: HAVING, ORDER BY and LIMIT among it.
"""

from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models.aggregates import Count
from django.db.models.expressions import Star
from django.db.models.sql.datastructures import Join

from ...conditions import FALSE
from ...query import Grouping, ask
from ..partial_aggregates import PartialAggregates, PartialGroups
from ..plans.partial_groups import PartialGroupsPlan
from ..refusal import OtherShape, Refused
from ..scans import new_query, refusal
from ..select import Select
from ..table_refs import JoinEdge, TableRef, table_refs_of
from ..table_scan import require
from ..tables import queries_within
from ..translate import Translator, top_level


def plan(select: Select, **options: bool) -> PartialGroupsPlan:
    """Return the plan of groups that the local engine joins and groups again.

    `options` are those of the SQL compiler's as_sql().
    """
    query = select.query
    _ = select.setup  # the WHERE and the aliases are complete then
    if not (select.groups or select.drops_duplicates) or query.distinct_fields:
        raise OtherShape("the statement groups nothing")
    if query.combinator or select.compiler.qualify or select.has_own_sql:
        raise OtherShape("the statement is no plain GROUP BY")
    if query.select_for_update:
        raise Refused("grouped rows are to be locked")
    if len(list(queries_within(query))) > 1:
        raise Refused("the statement has a subquery")
    require_groups(select)
    refs, edges = table_refs_of(select.store, query)
    used = {alias for alias, count in query.alias_refcount.items() if count}
    if not used or {ref.alias for ref in refs} != used:
        raise Refused("no model is known for a table")
    reasons: list[str] = []
    for ref in sorted(refs, key=TableRef.cost, reverse=True):
        try:
            groups, sql, params = rewritten(select, ref, refs, options)
        except Refused as refused:
            reasons.append(refused.reason)
            continue
        ref.conditions = groups.conditions
        return PartialGroupsPlan(select.store, sql, params, refs, edges, groups=groups)
    raise Refused("; ".join(dict.fromkeys(reasons)))


def plan_over(compiler: Any, inner: Any) -> PartialGroupsPlan:
    """Return the plan of aggregates over a grouped subquery, which `inner` compiles."""
    found = plan(Select(inner), with_col_aliases=True)
    texts, params = [], []
    for annotation in compiler.query.annotation_select.values():
        sql, values = annotation.select_format(compiler, *compiler.compile(annotation))
        texts.append(sql)
        params += values
    compiler.col_count = len(texts)
    found.sql = f"SELECT {', '.join(texts)} FROM ({found.sql}) subquery"
    found.params = (*params, *found.params)
    found.rule = "partial_groups"
    return found


def require_groups(select: Select) -> None:
    """Raise Refused if the store groups no rows at all."""
    query = new_query(select.store, select.meta.model, select.meta.pk_fields)
    grouping = Grouping((Count(Star()),), None, None, (), 0, None)
    require(query, ask(query.group, grouping), "group")


def rewritten(
    select: Select, ref: TableRef, refs: list[TableRef], options: dict[str, bool]
) -> tuple[PartialGroups, str, tuple[Any, ...]]:
    """Return groups of one table, and the statement over them with its parameters."""
    if sum(each.table == ref.table for each in refs) > 1:
        raise Refused(f"{ref.table} is joined to itself")
    conditions, where = split_where(select, ref)
    groups = PartialGroups(select.store, ref, conditions)
    for alias, join in select.query.alias_map.items():
        if not isinstance(join, Join) or not select.query.alias_refcount.get(alias):
            continue
        if ref.alias in (alias, join.parent_alias):
            left, right = select.join_columns(join, alias)
            groups.add_column((right if alias == ref.alias else left).column)
    require_fewer(groups)
    compiler = select.compiler
    compiler.rewriting = PartialAggregates(compiler, groups, where)
    try:
        sql, params = compiler.local_sql(**options)
    finally:
        compiler.rewriting = None
    require_fewer(groups)
    if not groups.columns:
        raise Refused(f"no column of {ref.table} is grouped by")
    groups.query(conditions)
    return groups, sql, params


def split_where(select: Select, ref: TableRef) -> tuple[list[Any], list[Any]]:
    """Return the conditions that the store takes, and the conjuncts that are left."""
    conditions, left = [], []
    query = new_query(select.store, ref.meta.model, ref.meta.pk_fields)
    translate = Translator(select.store, ref.alias)
    where = select.compiler.where
    for child in top_level(where) if where is not None else ():
        try:
            condition = translate.condition(child) if ref.inner else None
        except EmptyResultSet:
            raise Refused("nothing can match") from None
        except (Refused, FullResultSet):
            condition = None
        if condition == FALSE:
            raise Refused("nothing can match")
        if condition is None or refusal(query, condition) is not None:
            left.append(child)
        else:
            conditions.append(condition)
    return conditions, left


def only_table(select: Select) -> tuple[list[TableRef], list[JoinEdge]]:
    """Return what table_refs_of() does of a statement that reads one table.

    All of its conditions are the table's. Raise Refused where it reads others, too, or
    filters by more than the store does.
    """
    if len(list(queries_within(select.query))) > 1:
        raise Refused("the statement has a subquery")
    refs, edges = table_refs_of(select.store, select.query)
    if [ref.alias for ref in refs] != [select.base]:
        raise Refused("the statement reads several tables")
    refs[0].conditions, left = split_where(select, refs[0])
    if left:
        raise Refused("the store does not filter the rows that come first")
    return refs, edges


def require_fewer(groups: PartialGroups) -> None:
    """Raise Refused if every row is known to be a group of its own."""
    meta, names = groups.ref.meta, groups.columns.keys()
    unique = [[each] for each in meta.local_concrete_fields if each.unique]
    for fields in meta.total_unique_constraints:
        unique.append([meta.get_field(name) for name in fields.fields])
    for fields in meta.unique_together:
        unique.append([meta.get_field(name) for name in fields])
    for fields in [meta.pk_fields, *unique]:
        if names >= {each.column for each in fields}:
            raise Refused(f"each row of {meta.db_table} would be a group of its own")
