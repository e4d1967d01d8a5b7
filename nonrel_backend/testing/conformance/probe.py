"""Ask a backend what of a query its store does itself, without running a query."""

from typing import Any

from django.db import NotSupportedError

from ...conditions import Column, Leaf, Node
from ...planner.scans import new_query
from ...query import PREFILTER, NonrelQuery
from ...values.wrappers import Json
from .report import Report
from .specimens import VALUES

LOOKUPS = ("exact", "in", "gt", "gte", "lt", "lte", "range", "isnull")
TEXT_LOOKUPS = ("contains", "startswith", "endswith", "icontains", "iexact", "regex")
METHODS = ("count", "delete", "update", "group", "compute")
# {model: {field: the field of Specimen with such values}} of columns with an index.
INDEXED = {
    "Book": {"title": "char", "pages": "integer", "published": "datetime"},
    "Copy": {"worth": "big"},
}
KEYS = {"Genre": {"id": "big"}, "Copy": {"token": "uuid"}, "Tag": {"name": "char"}}


def probe(connection: Any, models: Any, report: Report) -> None:
    """Add to the report what of a query the store does itself, and what it claims.

    A store may take filters and orders by an index only, or by a key only: columns with
    an index, and keys, are reported where they differ from those without.
    """
    model = models.Specimen
    kinds: dict[str, Any] = {}
    for name in VALUES:
        field = model._meta.get_field(name)
        kinds.setdefault(field.get_internal_type(), field)
    plain = {
        kind: probed(connection, field, VALUES[field.name])
        for kind, field in kinds.items()
    }
    found = dict(plain)
    for suffix, columns in (("with an index", INDEXED), ("as key", KEYS)):
        for name, fields in columns.items():
            for each, values in fields.items():
                field = getattr(models, name)._meta.get_field(each)
                results = probed(connection, field, VALUES[values])
                if results != plain[model._meta.get_field(values).get_internal_type()]:
                    found[f"{field.get_internal_type()} {suffix}"] = results
    for kind, results in found.items():
        for name, native in results.items():
            report.probed(kind, name, native)
    field = kinds["CharField"]
    either = Node("OR", tuple(leaves(column_of(field, connection), "exact", "a")))
    report.probed("conditions", "OR", takes(connection, field, either))
    # The limits of an ordered query are the store's if the order is.
    report.probed("rows", "limits", orders(connection, model._meta.pk))
    # Without a catalog of the toolkit's, the store keeps them unique itself.
    report.probed("rows", "unique values", connection.catalog is None)
    for method in METHODS:
        report.probed("whole queries", method, has_own(connection, method))
    claims = {
        "lock": has_own(connection, "lock"),
        "transactions": connection.features.supports_transactions,
        "savepoints": connection.features.uses_savepoints,
    }
    report.unclaimed = [name for name, claimed in claims.items() if not claimed]


def probed(connection: Any, field: Any, values: list[Any]) -> dict[str, bool]:
    """Return {lookup, or "order": whether the store does it} of a column."""
    found = {}
    is_text = field.get_internal_type() in ("CharField", "TextField")
    for lookup in LOOKUPS + (TEXT_LOOKUPS if is_text else ()):
        value = value_for(lookup, field, values)
        plain, negated = (
            takes(connection, field, leaf)
            for leaf in leaves(column_of(field, connection), lookup, value)
        )
        found[lookup] = plain
        if plain != negated:
            found[f"not {lookup}"] = negated
    return {**found, "order": orders(connection, field)}


def has_own(connection: Any, method: str) -> bool:
    """Return whether a backend's queries have a method of their own."""
    query = connection.ops.compiler("SQLCompiler").query_class
    return getattr(query, method) is not getattr(NonrelQuery, method)


def leaves(column: Column, lookup: str, value: Any) -> list[Leaf]:
    """Return the condition and its negation."""
    return [Leaf(column, lookup, value, negated) for negated in (False, True)]


def column_of(field: Any, connection: Any) -> Column:
    """Return the column of a field, as conditions name it."""
    return Column(field.column, field.db_type(connection))


def value_for(lookup: str, field: Any, values: list[Any]) -> Any:
    """Return a value that the lookup may have."""
    if lookup == "isnull":
        return True
    prepared = [
        Json(value) if field.get_internal_type() == "JSONField" else value
        for value in values
    ]
    if lookup in ("in", "range"):
        return (prepared * 2)[:2]
    return "a" if lookup in TEXT_LOOKUPS else prepared[0]


def takes(connection: Any, field: Any, condition: Leaf | Node) -> bool:
    """Return whether the store answers the condition exactly."""
    query = new_query(connection, field.model, [field])
    try:
        return query.add_filters(condition) is not PREFILTER
    except NotSupportedError:
        return False


def orders(connection: Any, field: Any) -> bool:
    """Return whether the store orders by the field exactly."""
    query = new_query(connection, field.model, [field])
    if query.db_type(field.column) == "json":
        return False
    try:
        return query.order_by([(field.column, True)]) is not PREFILTER
    except NotSupportedError:
        return False
