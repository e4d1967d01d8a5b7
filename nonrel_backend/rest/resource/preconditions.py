"""Preconditions: ETags, and writes that depend on them."""

import hashlib
import re
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest
from django.utils.http import parse_etags
from django.utils.translation import gettext, gettext_lazy

from ..bundle import Bundle
from ..exceptions import MalformedKey, NotFound
from ..http import HttpPreconditionFailed, HttpPreconditionRequired

if TYPE_CHECKING:
    from .resource import Resource

# The end of an ETag that says which representation it is of.
REPRESENTATION = re.compile(r'^("[0-9a-f]{32})-[^"]*(?=")')
CHANGED = gettext_lazy("The object has changed since you read it. Read it again.")


def etag_of(resource: "Resource", bundle: Bundle) -> str:
    """Return the ETag of a dehydrated bundle: of the version field, or of all data."""
    field = resource._meta.version_field
    if field:
        obj = bundle.obj
        key = resource.get_bundle_detail_data(obj)
        content = repr((key, str(getattr(obj, field))))
    else:
        content = resource._meta.serializer.to_json(bundle.data)
        bundle.text = content
    digest = hashlib.sha256(content.encode(errors="backslashreplace"))
    return f'"{digest.hexdigest()[:32]}"'


def is_conditional(request: HttpRequest) -> bool:
    """Return whether the request has If-Match or If-None-Match."""
    sent = request.META
    return "HTTP_IF_MATCH" in sent or "HTTP_IF_NONE_MATCH" in sent


def representation(etag: str, content_type: str, tree: Any) -> str:
    """Return the ETag of one representation of an object: `-xml` for XML, and so on.

    `tree` are the fields that are shown; None for all.
    """
    kind = content_type.partition(";")[0]
    parts = [] if kind == "application/json" else [kind.partition("/")[2]]
    if tree is not None:
        parts.append(hashlib.sha256(repr(tree).encode()).hexdigest()[:8])
    return "-".join([etag[:-1], *parts]) + '"'


def strong(etags: list[str]) -> list[str]:
    """Return the ETags of the objects: without W/, since Django's GZipMiddleware marks
    ours as weak and clients send them back so, and of any representation.
    """
    return [REPRESENTATION.sub(r"\1", etag.removeprefix("W/")) for etag in etags]


def fails(request: HttpRequest, etag: str | None) -> bool:
    """Return whether the request's conditions fail for the ETag of the stored object,
    which is None if there is no object.
    """
    if "If-Match" in request.headers:
        wanted = strong(parse_etags(request.headers["If-Match"]))
        if etag is None or not ("*" in wanted or etag in wanted):
            return True
    if "If-None-Match" in request.headers:
        unwanted = strong(parse_etags(request.headers["If-None-Match"]))
        if etag is not None and ("*" in unwanted or etag in unwanted):
            return True
    return False


class Preconditions:
    """What is checked before one object is written."""

    def __init__(self, resource: "Resource") -> None:
        self.resource = resource

    def check(self, request: HttpRequest, lookup: dict[str, Any]) -> Any:
        """Return the object as the client has seen it, locked if the store can do so.
        Return None if the request is not conditional.

        Respond with 412 if the object has changed, and with 428 if Meta demands
        If-Match and it is missing.
        """
        resource, conditional = self.resource, is_conditional(request)
        if not conditional and not resource._meta.require_if_match:
            return None
        bundle = resource.build_bundle(request=request)
        try:
            obj = self.obj_get_locked(bundle, lookup)
        except MalformedKey:
            raise
        except (NotFound, ObjectDoesNotExist):
            if request.method != "PUT":
                raise
            obj = None
        if not conditional:
            if obj is not None:
                resource.reject(
                    request,
                    HttpPreconditionRequired,
                    gettext("If-Match is required."),
                )
            return None
        etag = None
        if obj is not None:
            shown = resource.build_bundle(obj=obj, request=request)
            etag = etag_of(resource, resource.full_dehydrate(shown))
        if fails(request, etag):
            resource.reject(request, HttpPreconditionFailed, CHANGED)
        return obj

    def obj_get_locked(self, bundle: Bundle, lookup: dict[str, Any]) -> Any:
        """Return obj_get(), with the object locked until the end of the write if the
        store can do so.
        """
        return self.resource.obj_get(bundle=bundle, **lookup)
