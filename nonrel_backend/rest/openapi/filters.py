"""Filters: the parameters of a list that the resource answers."""

from collections.abc import Iterator
from typing import Any

from ..constants import ALL, ALL_WITH_RELATIONS
from ..exceptions import BadRequest
from ..fields.nested import EmbeddedField, ListField, NestedField
from ..fields.plain import CharField, DecimalField
from ..fields.related import RelatedField
from ..resource.parameters import MAX_VALUES, MAX_WORDS, SEARCH
from ..resource.resource import Resource
from .schemas import own_schema

LOOKUPS_OF_ALL = (
    "exact iexact in gt gte lt lte range contains icontains startswith endswith isnull"
).split()
OF_VALUES = "exact in gt gte lt lte range isnull".split()
OF_RELATIONS = ("exact", "in", "isnull")
ORDERED = ("exact", "gt", "gte", "lt", "lte")
BOOLEAN = {"type": "boolean"}
DECIMAL = r"^-?\d{1,12}(\.\d{1,9})?$"
# How many relations a filter leads through.
MAX_DEPTH = 2


def list_parameters(resource: Resource, shows: Any) -> list[dict[str, Any]]:
    """Return the parameters of GET on a list: pages, orderings, filters.

    `shows` says whether the reader may know a related resource.
    """
    filters = dict(filters_of(resource, shows, ()))
    schemas = page_schemas(resource) | search_schemas(resource) | filters
    return [parameter(name, schema) for name, schema in schemas.items()]


def filter_parameters(resource: Resource, shows: Any) -> list[dict[str, Any]]:
    """Return the filters alone, which DELETE and PUT on a list have, too."""
    found = search_schemas(resource) | dict(filters_of(resource, shows, ()))
    return [parameter(*each) for each in found.items()]


def parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return one parameter. The values of a list are separated by commas."""
    found: dict[str, Any] = {"name": name, "in": "query", "schema": schema}
    if schema.get("type") == "array":
        found |= {"style": "form", "explode": False}
    return found


def page_schemas(resource: Resource) -> dict[str, dict[str, Any]]:
    """Return the schemas of the parameters of pages and orderings."""
    meta = resource._meta
    offset: dict[str, Any] = {"type": "integer", "minimum": 0}
    if meta.max_offset is not None:
        offset["maximum"] = meta.max_offset
    found: dict[str, dict[str, Any]] = {
        "limit": {"type": "integer", "minimum": 0},
        "offset": offset,
    }
    if hasattr(resource, "keys") and meta.cursor_paginator_class is not None:
        text = "Empty for the first page by cursor; then follow `meta.next`."
        found["cursor"] = {"type": "string", "const": "", "description": text}
    names = [name for name in meta.ordering if name in resource.fields]
    if names:
        found["order_by"] = {
            "type": "array",
            "items": {"enum": [*names, *(f"-{name}" for name in names)]},
            "maxItems": meta.max_ordering,
        }
    return found


def search_schemas(resource: Resource) -> dict[str, dict[str, Any]]:
    """Return the schema of ?search=, if the resource has one."""
    if not resource._meta.search or SEARCH in resource.fields:
        return {}
    text = f"Up to {MAX_WORDS} words, each of which must be found."
    pattern = rf"^\S{{0,50}}( \S{{1,50}}){{0,{MAX_WORDS - 1}}}$"
    return {SEARCH: {"type": "string", "pattern": pattern, "description": text}}


def filters_of(
    resource: Any, shows: Any, way: tuple[Any, ...]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, schema) of the filters that the resource allows, across relations
    too.
    """
    for name, allowed in resource._meta.filtering.items():
        field = field_at(resource, name)
        if field is None or field.write_only:
            continue
        is_all = allowed in (ALL, ALL_WITH_RELATIONS)
        for lookup in lookups_of(field) if is_all else allowed:
            schema = value_schema(field, lookup)
            if schema is not None and is_allowed(resource, name, lookup):
                yield (name if lookup == "exact" else f"{name}__{lookup}"), schema
        if isinstance(field, RelatedField) and allowed == ALL_WITH_RELATIONS:
            related = field.related
            if len(way) < MAX_DEPTH and type(related) not in way and shows(related):
                for each, schema in filters_of(related, shows, (*way, type(resource))):
                    yield f"{name}__{each}", schema
        elif is_all and isinstance(field, EmbeddedField):
            yield from parts_of(resource, name, field)


def parts_of(
    resource: Any, path: str, field: EmbeddedField
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, schema) of the filters of the plain parts of an embedded object."""
    for name, part in field.fields.items():
        if isinstance(part, NestedField):
            continue
        for lookup in ("exact", "gt", "gte", "lt", "lte"):
            schema = value_schema(part, lookup)
            if schema and is_allowed(resource, f"{path}.{name}", lookup):
                yield f"{path}.{name}" + f"__{lookup}".removesuffix("__exact"), schema


def field_at(resource: Any, path: str) -> Any:
    """Return the field of a name in Meta.filtering, or None."""
    first, *rest = path.split(".")
    field = resource.fields.get(first)
    for name in rest:
        field = field.part(name) if isinstance(field, NestedField) else None
    return field


def lookups_of(field: Any) -> list[str] | tuple[str, ...]:
    """Return the lookups that make sense for a field."""
    if isinstance(field, RelatedField):
        return OF_RELATIONS
    if isinstance(field, ListField):
        return ("contains", "isnull")
    if isinstance(field, NestedField):
        return ("isnull",)
    return LOOKUPS_OF_ALL if isinstance(field, CharField) else OF_VALUES


def is_allowed(resource: Any, name: str, lookup: str) -> bool:
    """Return whether the resource allows a filter."""
    first, *rest = name.split(".")
    filtering: Any = getattr(resource, "filtering", None)
    try:
        if hasattr(resource, "check_filtering"):
            attributes = resource.check_filtering(first, lookup, rest)
            column = None if rest else filtering.model_field(attributes)
            step = lookup.partition("__")[0]  # may be a transform
            return (
                column is None
                or column.is_relation
                or bool(column.get_lookup(step) or column.get_transform(step))
            )
        elif filtering is not None:
            filtering.check(first, lookup, rest)
    except BadRequest:
        return False
    return True


def value_schema(field: Any, lookup: str) -> dict[str, Any] | None:
    """Return the schema of a filter's value; None if there is none that is accepted."""
    if lookup == "isnull":
        return BOOLEAN
    if isinstance(field, RelatedField) and len(field.related_resources) > 1:
        return None
    if isinstance(field, RelatedField):
        own = key_schema(field.related)
    elif isinstance(field, NestedField):
        return {"type": "string"} if lookup in ("contains", "exact") else None
    else:
        own = field.json_schema()
        if lookup in ("in", "range"):
            own |= bounds(field)
        if isinstance(field, DecimalField):
            own = {"type": "string", "pattern": DECIMAL}
    if lookup == "exact" and not isinstance(field, CharField):
        return own | {"type": [own["type"], "null"]} if "type" in own else own
    if lookup in ORDERED:
        return own
    if lookup == "in":
        most = {"minItems": 1, "maxItems": MAX_VALUES}
        return {"type": "array", "items": in_list(own), **most}
    if lookup == "range":
        return {"type": "array", "items": in_list(own), "minItems": 2, "maxItems": 2}
    plain = isinstance(field, CharField) or isinstance(field, RelatedField)
    return {"type": "string"} if plain else own


def bounds(field: Any) -> dict[str, Any]:
    """Return the least and the greatest value of a number."""
    limits = own_schema(field)
    return {name: limits[name] for name in ("minimum", "maximum") if name in limits}


def in_list(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one of several values, which commas separate."""
    if schema == {"type": "string"}:
        return {"type": "string", "pattern": "^[^,]+$"}
    return schema


def key_schema(resource: Any) -> dict[str, Any]:
    """Return the schema of a resource's key in a filter; a URI is accepted too."""
    keys = getattr(resource, "keys", None)
    if keys is not None:
        _, is_integer, limits = keys.field(keys.name)
        if is_integer:
            known = dict(zip(("minimum", "maximum"), limits or (), strict=False))
            return {"type": "integer", **known}
    return {"type": "string", "pattern": "^[^/,]+$"}
