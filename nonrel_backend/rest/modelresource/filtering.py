"""Filtering: the filters and orderings of a ModelResource that `Meta` lists."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import lookup_spawns_duplicates
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import models
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest
from django.utils.translation import gettext

from ..constants import ALL, ALL_WITH_RELATIONS
from ..exceptions import InvalidFilterError, InvalidSortError
from ..fields.base import ApiField
from ..fields.nested import ListField, NestedField
from ..fields.plain import BOOLEANS, BooleanField, CharField
from ..fields.related import RelatedField
from ..resource.endpoint import parameters
from ..resource.parameters import (
    LISTS,
    MAX_VALUES,
    NOT,
    RESERVED,
    SEPARATOR,
    names_to_order_by,
    naming,
    nested_value,
    special_parameters,
    steps_of,
)
from .conditions import CONDITIONS, conditions_of, names_of
from .keys import MALFORMED
from .paths import query_path
from .readable import ASKING, keys_of
from .relations import related_resource

if TYPE_CHECKING:
    from .resource import ModelResource

# A user's regular expression can take forever, so ALL does not include them.
UNLISTED = {"regex", "iregex"}
NULLS = {"null", "none", "None", "NULL"}
# Raised for a value that the store rejects.
REJECTED = (*MALFORMED, FieldError)
# The most filters that the store is asked about one by one.
MAX_ASKED = 10
# The most keys of has_keys and has_any_keys.
MAX_KEYS = 100


class Filtering:
    """The filters and orderings of a ModelResource."""

    def __init__(self, resource: "ModelResource") -> None:
        self.resource = resource

    # --- filters ---

    def build(self, filters: Any) -> dict[str, Any]:
        """Return the ORM's filters for the parameters."""
        given = filters or {}
        found: dict[str, Any] = {}
        for name in given:
            found |= self.one(given, name)
        if given:
            special = special_parameters(given, self.resource)
            conditions = conditions_of(self, special)
            if conditions:
                found[CONDITIONS] = conditions
        return found

    def one(self, filters: Any, name: str) -> dict[str, Any]:
        """Return the ORM's filter for one parameter; empty if it is not a field's."""
        fields, bits = self.resource.fields, steps_of(name)
        if bits[0] not in fields or name in RESERVED - set(fields):
            return {}
        if name.endswith(NOT):
            return {}
        with naming(name):
            attributes, lookup, way = self.resolved(bits)
            value = self.value(filters, name, lookup, way[-1])
        path = LOOKUP_SEP.join(attributes)
        if value is None and lookup == "exact":
            lookup, value = "isnull", True
        limits = self.limits(way)
        if limits and way[-1].is_m2m and lookup == "isnull" and value is True:
            # Those that lead to no object that the user may read.
            others = self.keys_with(limits)
            model = self.resource._meta.object_class
            manager = model._base_manager.using(self.resource.database)
            return {"pk__in": manager.exclude(pk__in=others).values("pk")}
        return {**limits, f"{path}__{lookup}": value}

    def keys_with(self, filters: dict[str, Any]) -> Any:
        """Return the keys of the objects that match the ORM's filters."""
        model = self.resource._meta.object_class
        manager = model._base_manager.using(self.resource.database)
        return manager.filter(**filters).values("pk")

    def limits(self, way: list[ApiField]) -> dict[str, Any]:
        """Return filters of the relations of a way: that they lead to objects which the
        user may read. Raise Unauthorized if the user may not read one of them at all.
        """
        request, path = ASKING.get(), []
        found: dict[str, Any] = {}
        model = self.resource._meta.object_class
        for number, field in enumerate(way, 1):
            if not isinstance(field, RelatedField) or request is None:
                break
            path += query_path(model, field.steps)
            related = related_resource(field)
            # The key of a relation to one object is in the data of this one.
            if field.hides_from(request) and (number < len(way) or field.is_m2m):
                objects = related.relations.readable(request)
                if objects is not None:
                    found[LOOKUP_SEP.join([*path, "pk__in"])] = keys_of(objects)
            model = related._meta.object_class
        return found

    def resolved(self, bits: list[str]) -> tuple[list[str], str, list[ApiField]]:
        """Return the attributes, the lookup and the fields of the parts of a name."""
        names, lookup = list(bits), "exact"
        resource = self.resource
        field = resource.fields[names.pop(0)]
        way = [field]
        while isinstance(field, RelatedField) and names:
            related = related_resource(field)
            if names[0] not in related.fields:
                break
            resource = related
            field = resource.fields[names.pop(0)]
            way.append(field)
        if names:
            lookup, names = lookup_of(resource, field, names)
        rest = [each.instance_name for each in way[1:]]
        attributes = self.resource.check_filtering(bits[0], lookup, [*rest, *names])
        return attributes, lookup, way

    def check(self, field_name: str, lookup: str, bits: list[str]) -> list[str]:
        """Return the attributes of a filter. Raise InvalidFilterError if it is not
        allowed. `bits` are the names after the first.
        """
        meta = self.resource._meta
        allowed = meta.filtering.get(field_name)
        path = ".".join([field_name, *bits])
        allowed = meta.filtering.get(path, allowed) if bits else allowed
        if allowed is None:
            raise InvalidFilterError(
                gettext("The '%(field_name)s' field does not allow filtering.")
                % {"field_name": field_name}
            )
        field = self.resource.fields[field_name]
        if field.write_only or not isinstance(field.attribute, str):
            raise InvalidFilterError(
                gettext(
                    "The '%(field_name)s' field has no 'attribute' for searching with."
                )
                % {"field_name": field_name}
            )
        attributes = query_path(meta.object_class, field.steps)
        if isinstance(field, RelatedField) and bits:
            if allowed != ALL_WITH_RELATIONS:
                raise InvalidFilterError(
                    gettext(
                        "Lookups are not allowed more than one level deep on the "
                        "'%(field_name)s' field."
                    )
                    % {"field_name": field_name}
                )
            related = related_resource(field)
            return attributes + related.check_filtering(bits[0], lookup, bits[1:])
        if bits and not (
            isinstance(field, NestedField)
            and (path in meta.filtering or isinstance(allowed, int))
        ):
            raise InvalidFilterError(
                gettext(
                    "The '%(field_name)s' field does not allow filtering by %(path)r."
                )
                % {"field_name": field_name, "path": path}
            )
        if not self.is_listed(allowed, lookup, field, attributes, bool(bits)):
            raise InvalidFilterError(
                gettext(
                    "'%(lookup)s' is not an allowed filter on the '%(field_name)s' "
                    "field."
                )
                % {"lookup": lookup, "field_name": field_name}
            )
        return attributes + bits

    def is_listed(
        self,
        allowed: Any,
        lookup: str,
        field: ApiField,
        attributes: list[str],
        inside: bool,
    ) -> bool:
        """Return whether `allowed`, a value of Meta.filtering, includes a lookup.

        `inside` says whether the path leads into nested data.
        """
        if not isinstance(allowed, int):
            return lookup in allowed
        if lookup in UNLISTED or lookup.split(LOOKUP_SEP)[-1] in UNLISTED:
            return False
        found: Any = models.JSONField if inside else self.model_field(attributes)
        if found is None or allowed not in (ALL, ALL_WITH_RELATIONS):
            return False
        if field.is_related and lookup in ("exact", "in", "isnull"):
            return True
        return lookup in found.get_lookups()

    def model_field(self, attributes: list[str]) -> Any:
        """Return the model's field of a path, or None."""
        model, found = self.resource._meta.object_class, None
        for name in attributes:
            try:
                found = model._meta.pk if name == "pk" else model._meta.get_field(name)
            except (FieldDoesNotExist, AttributeError):
                return None
            model = found.related_model or model
        return found

    def value(self, filters: Any, name: str, lookup: str, field: ApiField) -> Any:
        """Return a parameter's value for the ORM. Raise InvalidFilterError if it is
        invalid.
        """
        value = filters[name]
        last = lookup.split(LOOKUP_SEP)[-1]
        if last in LISTS:
            values = list_value(filters, name, last)
            if isinstance(field, BooleanField):
                return [BOOLEANS.get(str(each).lower(), each) for each in values]
            return values
        if not isinstance(value, str):
            return value
        if last == "isnull" or isinstance(field, BooleanField):
            if value.lower() in BOOLEANS:
                return BOOLEANS[value.lower()]
            if last == "isnull" or value not in NULLS:
                raise InvalidFilterError(
                    gettext("%(name)s must be true or false.") % {"name": name}
                )
            return None
        if isinstance(field, NestedField):
            leaf = leaf_of(field, SEPARATOR.split(name), lookup)
            return nested_value(value, last) if leaf is None else value
        if isinstance(field, RelatedField) and "/" in value:
            return key_of_uri(name, value, field)
        if value in NULLS and last == "exact" and not isinstance(field, CharField):
            return None
        return value

    def apply(self, request: HttpRequest, filters: dict[str, Any]) -> Any:
        """Return the filtered queryset, without duplicates."""
        queryset = self.resource.get_object_list(request)
        plain = dict(filters)
        conditions = plain.pop(CONDITIONS, [])
        with self.rejected_values(request):
            filtered = queryset.filter(*conditions, **plain)
        options = queryset.model._meta
        names = [*plain, *(name for each in conditions for name in names_of(each))]
        if any(lookup_spawns_duplicates(options, name) for name in names):
            return queryset.filter(pk__in=filtered.order_by().values("pk"))
        return filtered

    def check_executable(self, request: HttpRequest, objects: Any) -> None:
        """Raise InvalidFilterError if the store rejects a filter, before anything is
        sent or written.
        """
        if parameters(request) and hasattr(objects, "exists"):
            with self.rejected_values(request):
                objects.exists()

    @contextmanager
    def rejected_values(self, request: HttpRequest) -> Iterator[None]:
        """Raise InvalidFilterError if the store rejects a filter's value."""
        try:
            yield
        except REJECTED as error:
            name = self.rejected(request) or "A filter"
            raise InvalidFilterError(
                gettext("%(name)s has an invalid value.") % {"name": name}
            ) from error

    def rejected(self, request: HttpRequest) -> str | None:
        """Return the name of the first filter whose value the store rejects; None if
        only several together are.
        """
        given = parameters(request)
        try:
            found = {name: self.one(given, name) for name in given}
        except InvalidFilterError:  # the project's own build_filters() knows it
            return None
        names = [name for name, own in found.items() if own]
        objects = self.resource.get_object_list(request)
        for number, name in enumerate(names):
            try:
                filtered = objects.filter(**found[name])
                if number < MAX_ASKED:
                    filtered.exists()
            except REJECTED:
                return name
        return None

    # --- orderings ---

    def sorted(self, objects: Any, options: Any) -> Any:
        """Return the queryset in the order of `options["order_by"]`, or in its own.

        The primary key comes last, so that no two pages share an object.
        """
        names = names_to_order_by(options or {}, self.resource._meta.max_ordering)
        ordering = [self.order(name) for name in names]
        if not hasattr(objects, "order_by"):
            return objects
        if not ordering:
            ordering = own_ordering(objects)
        pk = objects.model._meta.pk.name
        if not any(
            isinstance(name, str) and name.lstrip("-+") in ("pk", pk)
            for name in ordering
        ):
            # In the direction of the last name, as an index may have both.
            down = bool(ordering) and str(ordering[-1]).startswith("-")
            ordering.append("-pk" if down else "pk")
        return objects.order_by(*ordering)

    def order(self, name: str) -> str:
        """Return an ordering by the names of attributes."""
        sign = "-" if name.startswith("-") else ""
        attributes = self.check_order(steps_of(name.removeprefix("-")))
        return sign + LOOKUP_SEP.join(attributes)

    def check_order(self, bits: list[str]) -> list[str]:
        """Return the attributes of an ordering. Raise InvalidSortError if it is not
        allowed.
        """
        first, *rest = bits
        fields, meta = self.resource.fields, self.resource._meta
        if first not in fields:
            raise InvalidSortError(
                gettext("There is no field %(first)r for ordering on.")
                % {"first": first}
            )
        field = fields[first]
        if first not in meta.ordering and LOOKUP_SEP.join(bits) not in meta.ordering:
            raise InvalidSortError(
                gettext("The '%(first)s' field does not allow ordering.")
                % {"first": first}
            )
        if field.write_only or not isinstance(field.attribute, str):
            raise InvalidSortError(
                gettext("The '%(first)s' field has no 'attribute' for ordering with.")
                % {"first": first}
            )
        if field.is_m2m:
            raise InvalidSortError(
                gettext(
                    "The '%(first)s' field does not allow ordering: it has many "
                    "objects."
                )
                % {"first": first}
            )
        attributes = query_path(meta.object_class, field.steps)
        if not rest:
            return attributes
        if not isinstance(field, RelatedField):
            raise InvalidSortError(
                gettext("The '%(first)s' field is not a relation.") % {"first": first}
            )
        related = related_resource(field)
        self.check_order_of(field, first)
        if (
            LOOKUP_SEP.join(bits) in meta.ordering
            and len(rest) == 1
            and rest[0] in related.fields
        ):
            model = related._meta.object_class
            return attributes + query_path(model, related.fields[rest[0]].steps)
        return attributes + related.filtering.check_order(rest)

    def check_order_of(self, field: RelatedField, name: str) -> None:
        """Raise InvalidSortError if the user may not read all objects of a relation:
        their order would tell about them.
        """
        request = ASKING.get()
        if request is None or not field.hides_from(request):
            return
        if related_resource(field).relations.readable(request) is not None:
            raise InvalidSortError(
                gettext(
                    "The '%(name)s' field does not allow ordering by what it leads "
                    "to: some of it is hidden from you."
                )
                % {"name": name}
            )


def lookup_of(
    resource: "ModelResource", field: ApiField, names: list[str]
) -> tuple[str, list[str]]:
    """Return the lookup, and the path into nested data, of the names after a field."""
    if not isinstance(field, NestedField):
        return LOOKUP_SEP.join(names), []
    *path, last = names
    listed = resource._meta.filtering.get(field.instance_name)
    known = isinstance(listed, list | tuple | set) and last in listed
    if known or last in models.JSONField.get_lookups() or last == "len":
        return last, path
    return "exact", names


def list_value(filters: Any, name: str, lookup: str) -> list[Any]:
    """Return the values of a parameter that is a list."""
    value = filters[name]
    values = filters.getlist(name) if hasattr(filters, "getlist") else value
    values = [values] if isinstance(values, str) else list(values)
    if all(isinstance(each, str) for each in values):
        values = [part for each in values for part in each.split(",")]
    most = MAX_KEYS if lookup.startswith("has_") else MAX_VALUES
    if len(values) > most:
        raise InvalidFilterError(
            gettext("%(name)s has %(value)s values, more than %(most)s.")
            % {"name": name, "value": len(values), "most": most}
        )
    if lookup == "range" and len(values) != 2:
        raise InvalidFilterError(
            gettext("%(name)s has %(value)s values instead of 2.")
            % {"name": name, "value": len(values)}
        )
    return values


def leaf_of(field: Any, bits: list[str], lookup: str) -> Any:
    """Return the plain field of a path into nested data; None for any JSON."""
    names = bits[bits.index(field.instance_name) + 1 :]
    if names and names[-1] == lookup:
        names.pop()
    for name in names:
        if isinstance(field, ListField) and not name.isdecimal():
            field = field.of
        field = field.part(name) if isinstance(field, NestedField) else None
    if isinstance(field, ListField) and lookup in ("exact", "contains"):
        return None
    return None if isinstance(field, NestedField) else field


def key_of_uri(name: str, uri: str, field: RelatedField) -> Any:
    """Return the key of a related object's URI."""
    key = field.related.uris.kwargs_of(uri).get("pk")
    if key is None:
        raise InvalidFilterError(gettext("%(name)s must be a key.") % {"name": name})
    return key


def own_ordering(queryset: Any) -> list[Any]:
    """Return the ordering of a queryset, or of its model."""
    query = queryset.query
    if query.order_by or not query.default_ordering:
        return list(query.order_by)
    return list(query.get_meta().ordering)
