"""Filters and orderings of a DocumentResource, for its store."""

from typing import Any

from django.db.models import JSONField

from ..constants import ALL, ALL_WITH_RELATIONS
from ..exceptions import ApiFieldError, InvalidFilterError, InvalidSortError
from ..fields.nested import EmbeddedField, ListField, NestedField
from ..fields.nested import JSONField as AnyField
from ..fields.plain import BOOLEANS
from ..modelresource.filtering import (
    MAX_VALUES,
    RESERVED,
    names_to_order_by,
    nested_value,
    refuse_unknown,
    steps_of,
)
from ..resource.part import Part
from .stores.base import NAMES


class DocumentFiltering(Part):
    """What a DocumentResource asks its store for."""

    # --- filters ---

    def build_filters(self, filters=None):
        """Conditions for the store: (path, lookup, value)."""
        found: Any = []
        for name in filters or {}:
            first, *rest = steps_of(name)
            if first not in self.fields or name in RESERVED - set(self.fields):
                continue
            last = rest[-1] if rest else ""
            known = last in NAMES or last in JSONField.get_lookups()
            lookup = rest.pop() if known else "exact"
            self.check_filtering(first, lookup, rest)
            field, path = part_at(self.fields[first], rest)
            found.append((path, lookup, self.value(field, lookup, filters, name)))
        return found

    def check_filtering(self, name: str, lookup: str, path: list[str]) -> None:
        whole = ".".join([name, *path])
        allowed = self._meta.filtering.get(whole, self._meta.filtering.get(name))
        field = self.fields[name]
        if allowed is None or not isinstance(field.attribute, str):
            raise InvalidFilterError(f"The '{name}' field does not allow filtering.")
        listed = allowed in (ALL, ALL_WITH_RELATIONS) or lookup in allowed
        if not listed or lookup not in NAMES:
            raise InvalidFilterError(
                f"'{lookup}' is not an allowed filter on the '{name}' field."
            )

    def value(self, field: Any, lookup: str, filters: Any, name: str) -> Any:
        """A parameter's value, as the documents have it."""
        text = filters[name]
        if lookup == "isnull":
            if text.lower() not in BOOLEANS:
                raise InvalidFilterError(f"{name} must be true or false.")
            return BOOLEANS[text.lower()]
        if lookup == "in":
            given = filters.getlist(name) if hasattr(filters, "getlist") else [text]
            values = [part for each in given for part in each.split(",")]
            if len(values) > MAX_VALUES:
                raise InvalidFilterError(f"{name} has {len(values)} values.")
            return [self.cleaned(field, each, "exact", name) for each in values]
        if lookup == "contains" and isinstance(field, ListField) and field.of:
            return self.cleaned(field.of, text, lookup, name)
        if lookup in ("startswith", "endswith", "iexact"):
            return text
        if lookup == "contains" and not isinstance(field, NestedField):
            return text
        return self.cleaned(field, text, lookup, name)

    def cleaned(self, field: Any, text: str, lookup: str, name: str) -> Any:
        if isinstance(field, NestedField):
            return nested_value(text, lookup)
        try:
            return self._meta.serializer.to_simple(field.clean(text))
        except ApiFieldError as error:
            raise InvalidFilterError(f"{name}: {error}") from error

    def order(self, given: Any) -> list[tuple[str, bool]]:
        found = []
        for name in names_to_order_by(given, self._meta.max_ordering):
            first, *others = steps_of(name.removeprefix("-"))
            path = ".".join([first, *others])
            if path not in self._meta.ordering and first not in self._meta.ordering:
                raise InvalidSortError(f"The '{first}' field does not allow ordering.")
            if first not in self.fields or not self.fields[first].steps:
                raise InvalidSortError(f"There is no field {first!r} for ordering on.")
            _, steps = part_at(self.fields[first], others)
            found.append((steps, not name.startswith("-")))
        return found

    def check_list_parameters(self, request):
        refuse_unknown(request.GET, self.fields)


def part_at(field: Any, names: list[str]) -> tuple[Any, str]:
    """(the field that a path leads to from this one, the path in the document)."""
    steps = list(field.steps)
    for name in names:
        if isinstance(field, ListField) and not name.isdecimal():
            field = field.of or AnyField()  # each of the items
        part = field.part(name) if isinstance(field, NestedField) else None
        if part is None:
            raise InvalidFilterError(f"{field.instance_name!r} has no {name!r}.")
        own = isinstance(field, EmbeddedField) and part.attribute
        steps.append(own or name)
        field = part
    return field, ".".join(steps)
