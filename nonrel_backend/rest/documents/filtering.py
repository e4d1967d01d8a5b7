"""DocumentFiltering: the filters and orderings of a DocumentResource."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import JSONField
from django.utils.translation import gettext

from ..constants import ALL, ALL_WITH_RELATIONS
from ..exceptions import ApiFieldError, InvalidFilterError, InvalidSortError
from ..fields.nested import EmbeddedField, ListField, NestedField
from ..fields.nested import JSONField as AnyField
from ..fields.plain import BOOLEANS
from ..resource.parameters import (
    MAX_VALUES,
    NOT,
    RESERVED,
    Alternative,
    names_to_order_by,
    naming,
    nested_value,
    special_parameters,
    steps_of,
    words_of,
)
from .stores.base import NAMES, Condition, Ordering
from .stores.values import READERS

if TYPE_CHECKING:
    from .resource import DocumentResource

# The fields whose values are compared as decimals and moments.
TYPES = {type(field): kind for kind, field in READERS.items()}
OF_TEXTS = {"iexact", "contains", "icontains", "startswith", "endswith"}


class DocumentFiltering:
    """The conditions and orderings for the store."""

    def __init__(self, resource: "DocumentResource") -> None:
        self.resource = resource

    # --- filters ---

    def build(self, filters: Any) -> list[Condition]:
        """Return the store's conditions for the parameters."""
        given = filters or {}
        found = [condition for name in given for condition in self.one(given, name)]
        special = special_parameters(given, self.resource)
        for name, each in special.excluded:
            found.append(("", "not", self.one(each, name)))
        for alternatives in special.alternatives:
            found.append(("", "or", [self.all_of(each) for each in alternatives]))
        for word in words_of(special.search):
            search = [
                [(path, lookup, word)]
                for path, lookup in map(self.searched, self.resource._meta.search)
            ]
            found.append(("", "or", search))
        return found

    def one(self, filters: Any, name: str) -> list[Condition]:
        """Return the condition of one parameter; none if it is not a field's."""
        fields, (first, *rest) = self.resource.fields, steps_of(name)
        if first not in fields or name in RESERVED - set(fields) or name.endswith(NOT):
            return []
        last = rest[-1] if rest else ""
        known = last in NAMES or last in JSONField.get_lookups()
        lookup = rest.pop() if known else "exact"
        with naming(name):
            self.check(first, lookup, rest)
            field, path = part_at(fields[first], rest)
            if lookup in OF_TEXTS and type_of_field(field) is not None:
                raise InvalidFilterError(
                    gettext("'%(lookup)s' compares texts only.") % {"lookup": lookup}
                )
            return [(path, lookup, self.value(field, lookup, filters, name))]

    def all_of(self, alternative: Alternative) -> list[Condition]:
        """Return the conditions of one alternative."""
        found: list[Condition] = []
        for name, given, is_excluded in alternative:
            own = self.one(given, name)
            found += [("", "not", own)] if is_excluded else own
        return found

    def searched(self, name: str) -> tuple[str, str]:
        """Return the path and the lookup of a name in Meta.search."""
        first, *rest = steps_of(name)
        lookup = rest.pop() if rest and rest[-1] in NAMES else "icontains"
        if first not in self.resource.fields:
            raise ImproperlyConfigured(
                f"{type(self.resource).__name__}.Meta.search has {name!r}, which is no "
                "field."
            )
        field, path = part_at(self.resource.fields[first], rest)
        if type_of_field(field) is not None:
            raise ImproperlyConfigured(
                f"{type(self.resource).__name__}.Meta.search has {name!r}, which is no "
                "text."
            )
        return path, lookup

    def check(self, name: str, lookup: str, path: list[str]) -> None:
        """Raise InvalidFilterError if a filter is not allowed."""
        filtering = self.resource._meta.filtering
        allowed = filtering.get(".".join([name, *path]), filtering.get(name))
        field = self.resource.fields[name]
        unreadable = field.write_only or not isinstance(field.attribute, str)
        if allowed is None or unreadable:
            raise InvalidFilterError(
                gettext("The '%(name)s' field does not allow filtering.")
                % {"name": name}
            )
        listed = allowed in (ALL, ALL_WITH_RELATIONS) or lookup in allowed
        if not listed or lookup not in NAMES:
            raise InvalidFilterError(
                gettext(
                    "'%(lookup)s' is not an allowed filter on the '%(name)s' field."
                )
                % {"lookup": lookup, "name": name}
            )

    def value(self, field: Any, lookup: str, filters: Any, name: str) -> Any:
        """Return a parameter's value as documents have it."""
        text = filters[name]
        if lookup == "isnull":
            if text.lower() not in BOOLEANS:
                raise InvalidFilterError(
                    gettext("%(name)s must be true or false.") % {"name": name}
                )
            return BOOLEANS[text.lower()]
        if lookup == "in":
            given = filters.getlist(name) if hasattr(filters, "getlist") else [text]
            values = [part for each in given for part in each.split(",")]
            if len(values) > MAX_VALUES:
                raise InvalidFilterError(
                    gettext("%(name)s has %(value)s values, more than %(max_values)s.")
                    % {"name": name, "value": len(values), "max_values": MAX_VALUES}
                )
            return [self.cleaned(field, each, "exact", name) for each in values]
        if lookup == "contains" and isinstance(field, ListField) and field.of:
            return self.cleaned(field.of, text, lookup, name)
        if lookup in ("startswith", "endswith", "iexact", "icontains"):
            return text
        if lookup == "contains" and not isinstance(field, NestedField):
            return text
        return self.cleaned(field, text, lookup, name)

    def cleaned(self, field: Any, text: str, lookup: str, name: str) -> Any:
        """Return a text as a value of a field. Raise InvalidFilterError if it is
        invalid.
        """
        if isinstance(field, NestedField):
            return nested_value(text, lookup)
        try:
            value = field.clean(text)
            if type_of_field(field) is not None:
                return value
            return self.resource._meta.serializer.to_simple(value)
        except ApiFieldError as error:
            raise InvalidFilterError(
                gettext("%(name)s: %(error)s") % {"name": name, "error": error}
            ) from error

    # --- orderings ---

    def order(self, given: Any) -> list[Ordering]:
        """Return the store's ordering for ?order_by=. Raise InvalidSortError if it is
        not allowed.
        """
        meta, fields, found = self.resource._meta, self.resource.fields, []
        for name in names_to_order_by(given, meta.max_ordering):
            first, *others = steps_of(name.removeprefix("-"))
            path = ".".join([first, *others])
            if path not in meta.ordering and first not in meta.ordering:
                raise InvalidSortError(
                    gettext("The '%(first)s' field does not allow ordering.")
                    % {"first": first}
                )
            if (
                first not in fields
                or not fields[first].steps
                or fields[first].write_only
            ):
                raise InvalidSortError(
                    gettext("There is no field %(first)r for ordering on.")
                    % {"first": first}
                )
            field, steps = part_at(fields[first], others)
            kind = type_of_field(field)
            found.append((steps, not name.startswith("-"), kind))
        return found


def type_of_field(field: Any) -> type | None:
    """Return the type by which the values of a field are compared; None if they are
    compared as they are stored.
    """
    return next((TYPES[kind] for kind in type(field).__mro__ if kind in TYPES), None)


def part_at(field: Any, names: list[str]) -> tuple[Any, str]:
    """Return the field that names lead to from a field, and the path in the document.

    Raise InvalidFilterError if there is none.
    """
    steps = list(field.steps)
    for name in names:
        if isinstance(field, ListField) and not name.isdecimal():
            field = field.of or AnyField()  # each of the items
        part = field.part(name) if isinstance(field, NestedField) else None
        if part is None:
            raise InvalidFilterError(
                gettext("%(field)r has no %(name)r.")
                % {"field": field.instance_name, "name": name}
            )
        own = isinstance(field, EmbeddedField) and part.attribute
        steps.append(own or name)
        field = part
    return field, ".".join(steps)
