"""Visibility: which resources an Api shows to the user of a request."""

import copy
from typing import Any

from django.http import HttpRequest

from .authentication import Authentication, anonymous
from .exceptions import ImmediateHttpResponse, Unauthorized
from .resource.resource import Resource


class Visibility:
    """Answers by the authorization of each resource, about the user whom the resource's
    authentication knows, or an anonymous one.

    Each kind of authentication is asked once, since a password takes long to check.
    With `everything`, all resources are visible. With `trusted`, the user of the
    request is the one whom the Api has authenticated.
    """

    def __init__(
        self, request: HttpRequest, everything: bool = False, trusted: bool = False
    ) -> None:
        self.request, self.everything, self.trusted = request, everything, trusted
        # The request as a resource sees it, by its authentication.
        self.requests: dict[Any, HttpRequest] = {}
        self.known: dict[Resource, bool] = {}

    def shows(self, resource: Resource) -> bool:
        """Return whether the user may read the resource."""
        if self.everything:
            return True
        if resource not in self.known:
            request = self.request_for(resource)
            self.known[resource] = is_readable(resource, request)
        return self.known[resource]

    def request_for(self, resource: Resource) -> HttpRequest:
        """Return the request with the user whom the resource's authentication knows, or
        an anonymous one.
        """
        if self.trusted:
            return self.request
        kind = identity(resource._meta.authentication)
        if kind not in self.requests:
            found: Any = copy.copy(self.request)
            if not hasattr(found, "user"):
                found.user = anonymous()
            try:
                resource.is_authenticated(found)
            except ImmediateHttpResponse:
                found.user = anonymous()
            self.requests[kind] = found
        return self.requests[kind]


def identity(thing: Any) -> Any:
    """Return a value that is the same for authentications with equal attributes."""
    if isinstance(thing, list | tuple):
        return tuple(map(identity, thing))
    if isinstance(thing, Authentication):
        attributes = sorted(vars(thing).items())
        return type(thing), tuple((name, identity(each)) for name, each in attributes)
    return thing if isinstance(thing, str | int | type(None)) else id(thing)


def is_readable(resource: Resource, request: HttpRequest) -> bool:
    """Return whether the resource's authorization lets the user read any list."""
    try:
        resource.is_authorized(request)
        resource.check_readable(request)
    except (ImmediateHttpResponse, Unauthorized):
        return False
    return True
