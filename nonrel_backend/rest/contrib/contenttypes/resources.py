"""GenericResource: finds the objects of several resources by their URIs."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext

from ...exceptions import ApiFieldError, BadRequest, NotFound
from ...resource.resource import Resource


class GenericResource:
    """Several resources as one, of which only the URIs are known."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources = list(resources)

    def get_via_uri(self, uri: str, request: HttpRequest | None = None) -> Any:
        """Return the object of a URI. Raise ApiFieldError if there is none."""
        for resource in self.resources:
            try:
                resource.uris.kwargs_of(uri, request)
            except BadRequest:
                continue
            try:
                return resource.get_via_uri(uri, request)
            except NotFound:
                break
        raise ApiFieldError(gettext("There is no object at %(uri)r.") % {"uri": uri})
