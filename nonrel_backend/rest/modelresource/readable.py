"""What a user may read of a relation: what the related resource's authorization says.

It costs nothing where that allows all to everyone, or to this user (a permission). Else
a filter or a to-many relation has one more subquery, and each object of a full relation
is asked about: by read_detail(), or by a query if the authorization has none of its own
or the resource a get_object_list(). A relation's `authorize=False` switches it off.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.http import HttpRequest

from ..authorization import Authorization
from ..bundle import Bundle
from ..exceptions import Unauthorized
from .state import is_ours

if TYPE_CHECKING:
    from .resource import ModelResource

# The request whose filters and orderings are being built: build_filters() and
# apply_sorting(), which projects override, do not get it.
ASKING: ContextVar[HttpRequest | None] = ContextVar("asking", default=None)
# What was found, by class of resource, on the request.
FOUND = "_nonrel_backend_readable"
# Marks the query of objects that are all readable.
MARK = "nonrel_backend_readable"


@contextmanager
def asking(request: HttpRequest | None) -> Iterator[None]:
    """Have filters and orderings be built for a request, in a `with` block."""
    token = ASKING.set(request)
    try:
        yield
    finally:
        ASKING.reset(token)


def readable(resource: "ModelResource", request: HttpRequest) -> Any:
    """Return the objects of a resource that the user may read: a queryset or a list;
    None if none are hidden. Raise Unauthorized if the user may not read at all.
    """
    known = vars(request).setdefault(FOUND, {})
    place = type(resource), resource._meta.api_name
    if place not in known:
        known[place] = found_readable(resource, request)
    return known[place]


def found_readable(resource: "ModelResource", request: HttpRequest) -> Any:
    """Return the same, by asking."""
    everything = resource.get_object_list(request)
    limited = resource.apply_authorization_limits(request, everything)
    found = resource.authorized_read_list(
        limited, resource.build_bundle(request=request)
    )
    plain = found is everything and is_ours(type(resource).get_object_list)
    return None if plain else found


def keys_of(objects: Any) -> Any:
    """Return the keys of readable objects, as the value of a filter."""
    if isinstance(objects, QuerySet):
        return objects.order_by().values("pk")
    return [obj.pk for obj in objects]


def is_readable(resource: "ModelResource", obj: Any, request: HttpRequest) -> bool:
    """Return whether the user may read a related object."""
    kind = type(resource._meta.authorization)
    own = getattr(kind, "read_detail", None) is not Authorization.read_detail
    try:
        objects = readable(resource, request)
        if own:
            all_objects = resource.get_object_list(request)
            resource.authorized_read_detail(all_objects, Bundle(obj, request=request))
    except Unauthorized:
        return False
    if objects is None or (own and is_ours(type(resource).get_object_list)):
        return True
    if isinstance(objects, QuerySet):
        return objects.filter(pk=obj.pk).exists()
    return obj.pk in keys_of(objects)


def marked(objects: QuerySet) -> QuerySet:
    """Return a queryset whose objects are known to be readable."""
    setattr(objects.query, MARK, True)
    return objects


def is_marked(objects: Any) -> bool:
    """Return whether the objects are known to be readable."""
    return bool(getattr(getattr(objects, "query", None), MARK, False))
