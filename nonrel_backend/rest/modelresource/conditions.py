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
    found = [~Q(**filtering.one(each, name)) for name, each in parameters.excluded]
    for alternatives in parameters.alternatives:
        either = Q()
        for each in alternatives:
            either |= condition_of(filtering, each)
        found.append(either)
    if parameters.search:
        paths = search_paths(filtering)
        for word in words_of(parameters.search):
            either = Q()
            for path in paths:
                either |= Q(**{path: word})
            found.append(either)
    return found


def condition_of(filtering: "Filtering", alternative: Alternative) -> Q:
    """Return the condition of one alternative."""
    found = Q()
    for name, given, is_excluded in alternative:
        own = Q(**filtering.one(given, name))
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


def search_paths(filtering: "Filtering") -> list[str]:
    """Return the lookups of Meta.search."""
    return [search_path(filtering, name) for name in filtering.resource._meta.search]


def search_path(filtering: "Filtering", name: str) -> str:
    """Return the lookup of a name in Meta.search: of a field, or of a related
    resource's, with icontains if it names none.
    """
    resource, (first, *names) = filtering.resource, SEPARATOR.split(name)
    field: ApiField | None = resource.fields.get(first)
    path: list[str] = []
    while field is not None and isinstance(field.attribute, str):
        path += query_path(resource._meta.object_class, field.steps)
        if not (isinstance(field, RelatedField) and names):
            return LOOKUP_SEP.join([*path, *(names or ["icontains"])])
        resource = related_resource(field)
        field = resource.fields.get(names.pop(0))
    raise ImproperlyConfigured(
        f"{type(filtering.resource).__name__}.Meta.search has {name!r}, which leads to "
        "no field with an attribute."
    )
