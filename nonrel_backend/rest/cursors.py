"""Pages by cursor: each begins after a row and not at a number, at any depth alike."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import connections
from django.db.models import F, Field, Q
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
    def of(cls, name: Any, model: Any) -> "Order":
        if not isinstance(name, str) or name == "?":
            raise BadRequest("This ordering cannot be paged by cursor.")
        path = name.lstrip("-+")
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
        if field.is_relation and path.endswith(field.name):
            field = field.target_field
        return cls(path, field, name.startswith("-"), nullable)

    @property
    def alias(self) -> str:
        return f"rest_cursor_{self.path}".replace(LOOKUP_SEP, "_to_")

    def value_in(self, obj: Any) -> Any:
        if LOOKUP_SEP in self.path:
            return getattr(obj, self.alias)
        return getattr(obj, self.path if self.path == "pk" else self.field.attname)

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
        names = [*queryset.query.order_by]
        orders = [Order.of(name, queryset.model) for name in names]
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
