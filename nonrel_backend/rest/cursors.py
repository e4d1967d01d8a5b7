"""Pages by cursor: each begins after a row and not at a number, at any depth alike."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import connections
from django.db.models import CompositePrimaryKey, F, Field, Q
from django.db.models.constants import LOOKUP_SEP

from .exceptions import BadRequest
from .paginator import Paginator

SALT = "nonrel_backend.rest.cursor"
# Values that JSON has as they are; any other goes as a text that its field reads.
PLAIN = (int, float, str, bool, type(None))


@dataclass(frozen=True)
class Order:
    """One name of an ordering."""

    path: str
    field: Field
    descending: bool
    nullable: bool

    @classmethod
    def all_of(cls, name: Any, model: Any) -> list["Order"]:
        """The orders of a name; a relation's are those of the model it leads to."""
        if not isinstance(name, str) or name == "?":
            raise BadRequest("This ordering cannot be paged by cursor.")
        path, descending = name.lstrip("-+"), name.startswith("-")
        key = model._meta.pk
        if path == "pk" and isinstance(key, CompositePrimaryKey):
            sign = "-" if descending else ""
            names = [f"{sign}{each.name}" for each in key.fields]
            return [order for each in names for order in cls.all_of(each, model)]
        options, nullable = model._meta, False
        field: Any = None
        for part in path.split(LOOKUP_SEP):
            try:
                field = options.pk if part == "pk" else options.get_field(part)
            except FieldDoesNotExist as error:
                raise BadRequest(
                    f"The ordering by {path!r} cannot be paged by cursor."
                ) from error
            nullable = nullable or field.null
            if field.related_model is not None:
                options = field.related_model._meta
        if field.is_relation and part not in ("pk", field.attname):
            own = field.related_model._meta.ordering
            if own and not all(isinstance(each, str) for each in own):
                raise BadRequest("This ordering cannot be paged by cursor.")
            names = [each.lstrip("-+") for each in own]
            signs = ["-" if descending != each.startswith("-") else "" for each in own]
            return [
                order
                for sign, each in zip(signs, names, strict=True)
                for order in cls.all_of(f"{sign}{path}{LOOKUP_SEP}{each}", model)
            ] or cls.all_of(f"{name.removesuffix(field.name)}{field.attname}", model)
        while field.is_relation:
            field = field.target_field
        return [cls(path, field, descending, nullable)]

    @property
    def name(self) -> str:
        return f"-{self.path}" if self.descending else self.path

    @property
    def alias(self) -> str:
        return f"rest_cursor_{self.path}".replace(LOOKUP_SEP, "_to_")

    def value_in(self, obj: Any) -> Any:
        return getattr(obj, self.alias if LOOKUP_SEP in self.path else self.path)

    def written(self, obj: Any) -> Any:
        value = self.value_in(obj)
        if isinstance(value, PLAIN):
            return value
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        return str(value)

    def read(self, value: Any) -> Any:
        return None if value is None else self.field.to_python(value)

    def same(self, value: Any) -> Q:
        if value is None:
            return Q(**{f"{self.path}__isnull": True})
        return Q(**{self.path: value})

    def beyond(self, value: Any, back: bool, nulls_last: bool) -> Q | None:
        """What comes after the value; None for nothing."""
        up = self.descending == back
        nulls_beyond = self.nullable and up == nulls_last
        if value is None:
            return None if nulls_beyond else Q(**{f"{self.path}__isnull": False})
        found = Q(**{f"{self.path}__{'gt' if up else 'lt'}": value})
        if nulls_beyond:
            found |= Q(**{f"{self.path}__isnull": True})
        return found

    def bound(self, value: Any, back: bool, nulls_last: bool) -> Q:
        """What an index on the first name alone can tell of what comes after."""
        up = self.descending == back
        if value is None or (self.nullable and up == nulls_last):
            return Q()
        return Q(**{f"{self.path}__{'gte' if up else 'lte'}": value})


def after(orders: list[Order], values: list, back: bool, nulls_last: bool) -> Q:
    """The rows that come after the one with these values."""
    found: Q | None = None
    for order, value in reversed(list(zip(orders, values, strict=True))):
        here = order.beyond(value, back, nulls_last)
        if found is None:
            found = here
            continue
        tied = order.same(value) & found
        found = tied if here is None else here | tied
    if found is None:
        return Q(pk__in=[])
    return orders[0].bound(values[0], back, nulls_last) & found


class CursorPaginator(Paginator):
    """Pages of a queryset whose ordering ends with the primary key.

    `?cursor=` begins; `meta.next` and `meta.previous` lead on. A cursor is signed, and
    is for its ordering alone. Nothing is counted.
    """

    def page(self):
        queryset, limit = self.objects, self.get_limit()
        orders = [
            order
            for name in queryset.query.order_by
            for order in Order.all_of(name, queryset.model)
        ]
        names = [order.name for order in orders]
        queryset = queryset.order_by(*names)
        paths = {each.alias: F(each.path) for each in orders if LOOKUP_SEP in each.path}
        if paths:
            queryset = queryset.annotate(**paths)
        back, values = self.read(self.request_data.get("cursor"), names, orders)
        if values is not None:
            features = connections[queryset.db].features
            last = bool(getattr(features, "nulls_order_largest", False))
            queryset = queryset.filter(after(orders, values, back, last))
        if back:
            queryset = queryset.reverse()
        found = list(queryset[: limit + 1] if limit else queryset)
        more = bool(limit) and len(found) > limit
        if more:
            found.pop()
        if back:
            found.reverse()
        has_next, has_previous = (True, more) if back else (more, values is not None)
        next_page = previous = None
        if found and has_next:
            next_page = self.cursor_uri(names, orders, found[-1], False)
        if found and has_previous:
            previous = self.cursor_uri(names, orders, found[0], True)
        meta = {
            "limit": limit,
            "next": next_page,
            "previous": previous,
            "total_count": None,
        }
        return {"meta": meta, self.collection_name: found}

    def cursor_uri(self, names, orders, obj, back: bool) -> str | None:
        content = [names, [order.written(obj) for order in orders], back]
        return self.page_uri({"cursor": signing.dumps(content, salt=SALT)})

    def read(self, text, names, orders) -> tuple[bool, list | None]:
        """(whether it leads back, the values of its row); (False, None) to begin."""
        if not text:
            return False, None
        try:
            of, written, back = signing.loads(text, salt=SALT)
            values = [
                order.read(value) for order, value in zip(orders, written, strict=False)
            ]
        except (signing.BadSignature, ValidationError, ValueError, TypeError) as error:
            raise BadRequest("The cursor is not one of this list's.") from error
        if of != names:
            raise BadRequest(
                "The cursor is of another ordering: begin again with ?cursor=."
            )
        return back, values
