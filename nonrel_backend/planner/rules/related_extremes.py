"""Min or Max of an indexed column across a many-to-many relation, of few rows.

`Genre.objects.annotate(latest=Max("book__published"))` is the walk of an index until
each genre has a book, in the place of all books and their links.
"""

from typing import Any

from django.db import models
from django.db.models.aggregates import Max, Min
from django.db.models.expressions import Col
from django.db.models.functions import Coalesce
from django.db.models.sql.constants import LOUTER

from ...values.columns import stored_field
from ..expressions import flat
from ..plans.base import Plan
from ..plans.related_extremes import RelatedExtremes, RelatedExtremesPlan
from ..refusal import OtherShape, Refused
from ..select import Select
from ..table_scan import build_scan
from .related_groups import GroupedColumns, relation, require_groups_by_key

# Stores order these as SQLite does, by one key.
WALKED = (models.IntegerField, models.DateField)


def plan(select: Select) -> Plan:
    """Return the plan that walks the values from one end."""
    if not select.groups or select.query.group_by is None:
        raise OtherShape("the statement groups nothing by a key")
    select.require_plain()
    if select.query.select_for_update or select.compiler.having:
        raise Refused("the groups are locked or filtered")
    extremes = related_extremes(select)
    meta = select.meta
    require_groups_by_key(select)
    conditions = select.conditions({})
    columns = GroupedColumns(select, extremes)
    key_index = columns.index(meta.pk.column)
    places = [columns.place(each) for each in flat(select.selected)]
    extremes.greatest = isinstance(only_aggregate(extremes.aggregates), Max)
    extremes.walk()
    scan = build_scan(
        select.store, meta, columns.fields, conditions, ordering=select.ordering()
    )
    output = [len(columns.fields) if isinstance(p, tuple) else p for p in places]
    query = select.query
    return RelatedExtremesPlan(
        scan, extremes, key_index, output, query.low_mark, query.high_mark, False
    )


def related_extremes(select: Select) -> RelatedExtremes:
    """Return what is to be walked; raise Refused if there is no such relation."""
    query = select.query
    aliases = [alias for alias, count in query.alias_refcount.items() if count]
    if len(aliases) != 3 or aliases[0] != select.base:
        raise OtherShape("the aggregate is not across one table of links")
    _, near, far = aliases
    links = relation(select, near)
    join: Any = query.alias_map[far]
    if join.parent_alias != near or join.join_type != LOUTER:
        raise Refused(f"{far} is not joined by a LEFT OUTER JOIN to {near}")
    far_key, right = select.join_columns(join, far)
    if not right.primary_key or any(
        isinstance(stored_field(each), models.CharField | models.TextField)
        for each in (links.key, far_key)
    ):
        raise Refused(f"{far} is not joined by its key")
    values = [
        each.get_source_expressions()[0]
        for each in map(plain, select.selected)
        if isinstance(each, Max | Min)
    ]
    if len(values) != 1 or type(values[0]) is not Col or values[0].alias != far:
        raise Refused("there is no one Min or Max of a column")
    value = values[0].target
    indexed = value.db_index or value.unique
    if not (indexed and isinstance(value, WALKED)) or isinstance(
        value, models.DateTimeField
    ):
        raise Refused(f"{value.name} is no indexed date or integer")
    if value.model._meta.pk is not right:
        raise Refused(f"{value.name} is of another table")
    return RelatedExtremes(
        select.store, links.model, links.key, far, far_key=far_key, value=value
    )


def plain(expression: Any) -> Any:
    """Return an aggregate without its default."""
    if type(expression) is Coalesce:
        return expression.get_source_expressions()[0]
    return expression


def only_aggregate(aggregates: list[Any]) -> Any:
    """Return the only aggregate; raise Refused if there are others or a filter."""
    found = [plain(each) for each in aggregates]
    if len(found) != 1 or type(found[0]) not in (Max, Min) or found[0].filter:
        raise Refused("there is no one Min or Max without a filter")
    return found[0]
