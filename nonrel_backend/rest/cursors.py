"""CursorPaginator: pages that begin after an object, as fast at any depth."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import connections
from django.db.models import CompositePrimaryKey, F, Field, Q
from django.db.models.constants import LOOKUP_SEP
from django.utils.translation import gettext

from .exceptions import BadRequest
from .paginator import Paginator

SALT = "nonrel_backend.rest.cursor"
# Types that JSON has. Any other value is a string that its field parses.
PLAIN = (int, float, str, bool, type(None))


@dataclass(frozen=True)
class Order:
    """One name of an ordering, by a field of a model."""

    path: str
    field: Field
    descending: bool
    nullable: bool

    @classmethod
    def all_of(cls, name: Any, model: Any) -> list["Order"]:
        """Return the orders of a name. Those of a relation are its model's ordering."""
        if not isinstance(name, str) or name == "?":
            raise BadRequest(gettext("Cursors do not support this ordering."))
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
                    gettext("Cursors do not support the ordering by %(path)r.")
                    % {"path": path}
                ) from error
            nullable = nullable or field.null
            if field.related_model is not None:
                options = field.related_model._meta
        if field.is_relation and part not in ("pk", field.attname):
            own = field.related_model._meta.ordering
            if own and not all(isinstance(each, str) for each in own):
                raise BadRequest(gettext("Cursors do not support this ordering."))
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
        """The name for order_by()."""
        return f"-{self.path}" if self.descending else self.path

    @property
    def alias(self) -> str:
        """The annotation of a value of a related object."""
        return f"rest_cursor_{self.path}".replace(LOOKUP_SEP, "_to_")

    def value_in(self, obj: Any) -> Any:
        """Return the value of an object."""
        return getattr(obj, self.alias if LOOKUP_SEP in self.path else self.path)

    def written(self, obj: Any) -> Any:
        """Return the value of an object for JSON."""
        value = self.value_in(obj)
        if isinstance(value, PLAIN):
            return value
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        return str(value)

    def read(self, value: Any) -> Any:
        """Return a value from JSON as the field's."""
        return None if value is None else self.field.to_python(value)

    def same(self, value: Any) -> Q:
        """Return the condition that an object has the value."""
        if value is None:
            return Q(**{f"{self.path}__isnull": True})
        return Q(**{self.path: value})

    def beyond(self, value: Any, back: bool, nulls_last: bool) -> Q | None:
        """Return the condition that an object comes after the value; None if none can.

        `back` reverses the ordering. `nulls_last` says where the store sorts nulls.
        """
        up = self.descending == back
        nulls_beyond = self.nullable and up == nulls_last
        if value is None:
            return None if nulls_beyond else Q(**{f"{self.path}__isnull": False})
        found = Q(**{f"{self.path}__{'gt' if up else 'lt'}": value})
        if nulls_beyond:
            found |= Q(**{f"{self.path}__isnull": True})
        return found

    def bound(self, value: Any, back: bool, nulls_last: bool) -> Q:
        """Return a condition on this value alone, which an index can serve, of all
        objects that come after.
        """
        up = self.descending == back
        if value is None or (self.nullable and up == nulls_last):
            return Q()
        return Q(**{f"{self.path}__{'gte' if up else 'lte'}": value})


def after(orders: list[Order], values: list[Any], back: bool, nulls_last: bool) -> Q:
    """Return the condition that an object comes after the one with these values."""
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
    """Returns pages of a queryset whose ordering ends with the primary key.

    An empty `?cursor=` requests the first page; `meta.next` and `meta.previous` are the
    URIs of others. A cursor is signed, and valid for its ordering only. Nothing is
    counted.
    """

    def page(self) -> dict[str, Any]:
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

    def cursor_uri(
        self, names: list[str], orders: list[Order], obj: Any, back: bool
    ) -> str | None:
        """Return the URI of the page after an object, or before it."""
        content = [names, [order.written(obj) for order in orders], back]
        return self.page_uri({"cursor": signing.dumps(content, salt=SALT)})

    def read(
        self, text: str | None, names: list[str], orders: list[Order]
    ) -> tuple[bool, list[Any] | None]:
        """Return whether a cursor leads back, and the values of its object; (False,
        None) for an empty one.
        """
        if not text:
            return False, None
        try:
            of, written, back = signing.loads(text, salt=SALT)
            values = [
                order.read(value) for order, value in zip(orders, written, strict=False)
            ]
        except (signing.BadSignature, ValidationError, ValueError, TypeError) as error:
            raise BadRequest(gettext("The cursor is invalid.")) from error
        if of != names:
            raise BadRequest(
                gettext(
                    "The cursor belongs to another ordering. Start again with ?cursor=."
                )
            )
        return back, values
