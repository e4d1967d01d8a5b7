"""Filters and orderings of a ModelResource: what is listed, and nothing else."""

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.admin.utils import lookup_spawns_duplicates
from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db import models
from django.db.models.constants import LOOKUP_SEP

from ..constants import ALL, ALL_WITH_RELATIONS
from ..exceptions import InvalidFilterError, InvalidSortError
from ..fields.base import ApiField
from ..fields.nested import ListField, NestedField
from ..fields.plain import BOOLEANS, BooleanField, CharField
from ..resource.endpoint import parameters
from ..resource.reading import Reads
from .loading import relation, relations

# What a user may ask for in a regular expression can take for ever: list them to
# allow them.
UNLISTED = {"regex", "iregex"}
LIST_LOOKUPS = {"in", "range", "has_keys", "has_any_keys"}
ORDERED = {"gt", "gte", "lt", "lte"}
NULLS = {"null", "none", "None", "NULL"}
SEPARATOR = re.compile(r"__|\.")
# Parameters with a meaning of their own.
RESERVED = {"format", "limit", "offset", "order_by", "cursor", "fields"}
MAX_VALUES = 1000
MAX_KEYS = 100
MAX_STEPS = 32
MALFORMED = (ValueError, TypeError, ValidationError, ArithmeticError)


@contextmanager
def answered() -> Iterator[None]:
    """What makes no sense of a filter's value is found at the latest by the store."""
    try:
        yield
    except (*MALFORMED, FieldError) as error:
        raise InvalidFilterError(
            "A filter has a value that its field cannot have."
        ) from error


class Filtering(Reads):
    """What a ModelResource does to its queryset."""

    # --- filters ---

    def build_filters(self, filters: Any = None) -> dict[str, Any]:
        """The ORM's filters, of parameters by the names of the resource's fields."""
        found: dict[str, Any] = {}
        for name in filters or {}:
            bits = steps_of(name)
            if bits[0] not in self.fields or name in RESERVED - set(self.fields):
                continue
            attributes, lookup, field = self.resolved(bits)
            value = self.filter_value(filters, name, lookup, field)
            path = LOOKUP_SEP.join(attributes)
            if value is None and lookup == "exact":
                found[f"{path}__isnull"] = True
            else:
                found[f"{path}__{lookup}"] = value
        return found

    def resolved(self, bits: list[str]) -> tuple[list[str], str, ApiField]:
        """(attributes, lookup, field) of the parts of a filter's name."""
        names, lookup = list(bits), "exact"
        resource: Any = self
        field = self.fields[names.pop(0)]
        way = [field]
        while field.is_related and names and names[0] in field.related.fields:
            resource = field.related
            field = resource.fields[names.pop(0)]
            way.append(field)
        if names:
            lookup, names = self.lookup_of(resource, field, names)
        first = bits[0]
        rest = [each.instance_name for each in way[1:]]
        attributes = self.check_filtering(first, lookup, [*rest, *names])
        return attributes, lookup, field

    def lookup_of(
        self, resource: Any, field: ApiField, names: list[str]
    ) -> tuple[str, list[str]]:
        """(lookup, the names of a path into nested data) of what is left."""
        if not isinstance(field, NestedField):
            return LOOKUP_SEP.join(names), []
        *path, last = names
        listed = resource._meta.filtering.get(field.instance_name)
        known = isinstance(listed, list | tuple | set) and last in listed
        if known or last in models.JSONField.get_lookups() or last == "len":
            return last, path
        return "exact", names

    def check_filtering(
        self,
        field_name: str,
        filter_type: str = "exact",
        filter_bits: list[str] | None = None,
    ) -> list[str]:
        """The attributes that a filter goes through; InvalidFilterError where it may
        not. `filter_bits` are the names after the first.
        """
        bits = list(filter_bits or [])
        allowed = self._meta.filtering.get(field_name)
        path = ".".join([field_name, *bits])
        allowed = self._meta.filtering.get(path, allowed) if bits else allowed
        if allowed is None:
            raise InvalidFilterError(
                f"The '{field_name}' field does not allow filtering."
            )
        field = self.fields[field_name]
        if not isinstance(field.attribute, str):
            raise InvalidFilterError(
                f"The '{field_name}' field has no 'attribute' for searching with."
            )
        attributes = query_path(self._meta.object_class, field.steps)
        if field.is_related and bits:
            if allowed != ALL_WITH_RELATIONS:
                raise InvalidFilterError(
                    f"Lookups are not allowed more than one level deep on the "
                    f"'{field_name}' field."
                )
            resource = field.related
            return attributes + resource.check_filtering(bits[0], filter_type, bits[1:])
        if bits and not (
            isinstance(field, NestedField)
            and (path in self._meta.filtering or isinstance(allowed, int))
        ):
            raise InvalidFilterError(
                f"The '{field_name}' field does not allow filtering by {path!r}."
            )
        if not self.is_listed(allowed, filter_type, field, attributes, bool(bits)):
            raise InvalidFilterError(
                f"'{filter_type}' is not an allowed filter on the '{field_name}' field."
            )
        return attributes + bits

    def is_listed(
        self, allowed: Any, lookup: str, field: ApiField, attributes: list, inside: bool
    ) -> bool:
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
        """The model's field that a path leads to; None where it leads to none."""
        model, found = self._meta.object_class, None
        for name in attributes:
            try:
                found = model._meta.pk if name == "pk" else model._meta.get_field(name)
            except (FieldDoesNotExist, AttributeError):
                return None
            model = found.related_model or model
        return found

    def filter_value(
        self, filters: Any, name: str, lookup: str, field: ApiField
    ) -> Any:
        """A parameter's value as the ORM takes it; InvalidFilterError for nonsense."""
        value = filters[name]
        last = lookup.split(LOOKUP_SEP)[-1]
        if last in LIST_LOOKUPS:
            values = filters.getlist(name) if hasattr(filters, "getlist") else value
            values = [values] if isinstance(values, str) else list(values)
            if all(isinstance(each, str) for each in values):
                values = [part for each in values for part in each.split(",")]
            most = MAX_KEYS if last.startswith("has_") else MAX_VALUES
            if len(values) > most or (last == "range" and len(values) != 2):
                raise InvalidFilterError(f"{name} has {len(values)} values.")
            return values
        if not isinstance(value, str):
            return value
        if last == "isnull" or isinstance(field, BooleanField):
            if value.lower() in BOOLEANS:
                return BOOLEANS[value.lower()]
            if last == "isnull" or value not in NULLS:
                raise InvalidFilterError(f"{name} must be true or false.")
            return None
        if isinstance(field, NestedField):
            leaf = self.leaf(field, SEPARATOR.split(name), lookup)
            return nested_value(value, last) if leaf is None else value
        if field.is_related and "/" in value:
            return self.key_of_uri(name, value, field)
        if value in NULLS and last == "exact" and not isinstance(field, CharField):
            return None
        return value

    def leaf(self, field: Any, bits: list[str], lookup: str) -> Any:
        """The plain field that a path into nested data leads to; None for any JSON."""
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

    def key_of_uri(self, name: str, uri: str, field: Any) -> Any:
        resource = field.related
        key = resource.kwargs_of_uri(uri).get("pk")
        if key is None:
            raise InvalidFilterError(f"{name} must be a key.")
        return key

    def apply_filters(self, request: Any, applicable_filters: dict[str, Any]) -> Any:
        """The queryset with the filters, each object once."""
        queryset = self.get_object_list(request)
        with answered():
            filtered = queryset.filter(**applicable_filters)
        options = queryset.model._meta
        if any(lookup_spawns_duplicates(options, name) for name in applicable_filters):
            return queryset.filter(pk__in=filtered.order_by().values("pk"))
        return filtered

    def check_list_parameters(self, request: Any) -> None:
        """A misspelt filter must not write to the whole list."""
        if type(self).build_filters is not Filtering.build_filters:
            return
        refuse_unknown(request.GET, self.fields)

    def page_of(self, request: Any, objects: Any) -> dict[str, Any]:
        if not parameters(request):
            return super().page_of(request, objects)
        with answered():
            return super().page_of(request, objects)

    def stream_list(self, request: Any, objects: Any, asked: Any) -> Any:
        self.check_answered(request, objects)
        return super().stream_list(request, objects, asked)

    def check_answered(self, request: Any, objects: Any) -> None:
        """400 for a filter that makes no sense, before anything is sent or written."""
        if parameters(request) and hasattr(objects, "exists"):
            with answered():
                objects.exists()

    # --- orderings ---

    def apply_sorting(self, obj_list: Any, options: Any = None) -> Any:
        """The queryset in the order of ?order_by=, its own otherwise, with the primary
        key last, so that no two pages share an object.
        """
        names = names_to_order_by(options or {}, self._meta.max_ordering)
        ordering = [self.order(name) for name in names]
        if not hasattr(obj_list, "order_by"):
            return obj_list
        if not ordering:
            ordering = own_ordering(obj_list)
        pk = obj_list.model._meta.pk.name
        if not any(
            isinstance(name, str) and name.lstrip("-+") in ("pk", pk)
            for name in ordering
        ):
            # The same way as the last name, as an index may have both.
            down = bool(ordering) and str(ordering[-1]).startswith("-")
            ordering.append("-pk" if down else "pk")
        return obj_list.order_by(*ordering)

    def order(self, name: str) -> str:
        """An ordering by the names of attributes."""
        sign = "-" if name.startswith("-") else ""
        attributes = self.check_ordering(steps_of(name.removeprefix("-")))
        return sign + LOOKUP_SEP.join(attributes)

    def check_ordering(self, bits: list[str]) -> list[str]:
        """The attributes of an ordering; InvalidSortError where it may not be."""
        first, *rest = bits
        if first not in self.fields:
            raise InvalidSortError(f"There is no field {first!r} for ordering on.")
        field, listed = self.fields[first], self._meta.ordering
        if first not in listed and LOOKUP_SEP.join(bits) not in listed:
            raise InvalidSortError(f"The '{first}' field does not allow ordering.")
        if not isinstance(field.attribute, str):
            raise InvalidSortError(
                f"The '{first}' field has no 'attribute' for ordering with."
            )
        if field.is_m2m:
            raise InvalidSortError(f"The '{first}' field leads to many objects.")
        attributes = query_path(self._meta.object_class, field.steps)
        if not rest:
            return attributes
        if not field.is_related:
            raise InvalidSortError(f"The '{first}' field leads to no other resource.")
        resource = field.related
        if (
            LOOKUP_SEP.join(bits) in listed
            and len(rest) == 1
            and rest[0] in resource.fields
        ):
            model = resource._meta.object_class
            return attributes + query_path(model, resource.fields[rest[0]].steps)
        return attributes + resource.check_ordering(rest)


def steps_of(name: str) -> list[str]:
    """The parts of a filter's or an ordering's name."""
    steps = SEPARATOR.split(name)
    if len(steps) > MAX_STEPS:
        raise InvalidFilterError(f"A name has at most {MAX_STEPS} parts.")
    return steps


def refuse_unknown(given: Any, fields: Any) -> None:
    """InvalidFilterError for a parameter that is of no field."""
    for name in given:
        if SEPARATOR.split(name)[0] not in RESERVED | set(fields):
            raise InvalidFilterError(f"There is no field {name!r} to filter by.")


def names_to_order_by(given: Any, most: int) -> list[str]:
    """The names of all ?order_by=; InvalidSortError for too many."""
    if hasattr(given, "getlist"):
        asked = given.getlist("order_by")
    else:
        asked = given.get("order_by", [])
    asked = [asked] if isinstance(asked, str) else asked
    names = [name for each in asked for name in each.split(",") if name]
    if len(names) > most:
        raise InvalidSortError(f"An ordering has at most {most} names.")
    return names


def own_ordering(queryset: Any) -> list:
    query = queryset.query
    if query.order_by or not query.default_ordering:
        return list(query.order_by)
    return list(query.get_meta().ordering)


def query_path(model: Any, steps: list[str]) -> list[str]:
    """The attributes of a field by the names that queries have for them."""
    way, _, _ = relations(model, steps)
    found = []
    for name in way:
        related = relation(model, name)
        found.append(related.name)
        model = related.related_model
    return found + steps[len(way) :]


def finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def nested_value(text: str, lookup: str) -> Any:
    """The value that a text stands for in nested data: JSON where it is some."""
    if lookup not in ("contains", "exact", *ORDERED, "overlap", "len"):
        return text
    try:
        value = json.loads(text, parse_constant=str, parse_float=finite)
    except (ValueError, RecursionError):
        return text
    if lookup in ORDERED and isinstance(value, list | dict):
        raise InvalidFilterError(f"{text!r} is neither less nor more than anything.")
    return value
