"""Conditions of a list beyond filters: exclusions, alternatives and the search."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q
from django.db.models.constants import LOOKUP_SEP

from ..fields.base import ApiField
from ..fields.related import RelatedField
from ..resource.parameters import SEPARATOR, Alternative, Parameters, words_of
from .paths import query_path
from .relations import related_resource

if TYPE_CHECKING:
    from .filtering import Filtering

# Their key in the result of build_filters().
CONDITIONS = "!"


def conditions_of(filtering: "Filtering", parameters: Parameters) -> list[Q]:
    """Return the conditions of the parameters; all must hold."""
    found = [~condition(filtering, each, name) for name, each in parameters.excluded]
    for alternatives in parameters.alternatives:
        either = Q()
        for each in alternatives:
            either |= condition_of(filtering, each)
        found.append(either)
    if parameters.search:
        paths = search_paths(filtering)
        for word in words_of(parameters.search):
            either = Q()
            for path, way in paths:
                either |= Q(**{path: word}, **filtering.limits(way))
            found.append(either)
    return found


def condition(filtering: "Filtering", given: Any, name: str) -> Q:
    """Return the condition of one parameter, which can be negated."""
    found = filtering.one(given, name)
    if len(found) < 2:
        return Q(**found)
    # exclude() looks for each of several lookups alone, in any member of a relation.
    return Q(pk__in=filtering.keys_with(found))


def condition_of(filtering: "Filtering", alternative: Alternative) -> Q:
    """Return the condition of one alternative."""
    found = Q()
    for name, given, is_excluded in alternative:
        own = condition(filtering, given, name)
        found &= ~own if is_excluded else own
    return found


def names_of(condition: Any) -> Iterator[str]:
    """Yield the names of the lookups in a condition."""
    for child in condition.children:
        if isinstance(child, Q):
            yield from names_of(child)
        else:
            yield child[0]


# --- the search ---


def search_paths(filtering: "Filtering") -> list[tuple[str, list[ApiField]]]:
    """Return the lookups of Meta.search, and the fields that each leads through."""
    return [search_path(filtering, name) for name in filtering.resource._meta.search]


def search_path(filtering: "Filtering", name: str) -> tuple[str, list[ApiField]]:
    """Return the lookup of a name in Meta.search: of a field, or of a related
    resource's, with icontains if it names none. Return the fields it leads through.
    """
    resource, (first, *names) = filtering.resource, SEPARATOR.split(name)
    field: ApiField | None = resource.fields.get(first)
    path: list[str] = []
    way: list[ApiField] = []
    while field is not None and isinstance(field.attribute, str):
        path += query_path(resource._meta.object_class, field.steps)
        way.append(field)
        if not (isinstance(field, RelatedField) and names):
            return LOOKUP_SEP.join([*path, *(names or ["icontains"])]), way
        resource = related_resource(field)
        field = resource.fields.get(names.pop(0))
    raise ImproperlyConfigured(
        f"{type(filtering.resource).__name__}.Meta.search has {name!r}, which leads to "
        "no field with an attribute."
    )
