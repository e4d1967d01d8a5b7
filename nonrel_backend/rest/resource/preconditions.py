"""Which state of an object a client has seen, and whether it is there still."""

import hashlib
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.utils.http import parse_etags

from ..exceptions import ImmediateHttpResponse, MalformedKey, NotFound
from ..http import HttpPreconditionFailed, HttpPreconditionRequired
from .part import Part


def etag_of(resource: Any, bundle: Any) -> str:
    """Of the version field, or of all that the detail shows."""
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


def wants_etag(request: Any) -> bool:
    sent = request.META
    return "HTTP_IF_MATCH" in sent or "HTTP_IF_NONE_MATCH" in sent


def strong(etags: list[str]) -> list[str]:
    """Without W/: Django's GZipMiddleware marks what we send as weak, and clients send
    it back so.
    """
    return [etag.removeprefix("W/") for etag in etags]


def fails(request: Any, etag: str | None) -> bool:
    """Whether a write is refused, by the ETag of what is there (None for nothing)."""
    if "If-Match" in request.headers:
        wanted = strong(parse_etags(request.headers["If-Match"]))
        if etag is None or not ("*" in wanted or etag in wanted):
            return True
    if "If-None-Match" in request.headers:
        unwanted = strong(parse_etags(request.headers["If-None-Match"]))
        if etag is not None and ("*" in unwanted or etag in unwanted):
            return True
    return False


class Preconditions(Part):
    """What a resource does before it writes to one object."""

    def check_preconditions(self, request: Any, **lookup) -> Any:
        """The object as the client has seen it, locked; None where it does not say.

        412 where it is another by now, 428 where the client must say and does not.
        """
        conditional = wants_etag(request)
        if not conditional and not self._meta.require_if_match:
            return None
        bundle = self.build_bundle(request=request)
        try:
            obj = self.obj_get_locked(bundle, **lookup)
        except MalformedKey:
            raise
        except (NotFound, ObjectDoesNotExist):
            if request.method != "PUT":
                raise
            obj = None
        if not conditional:
            if obj is not None:
                self.refuse(request, HttpPreconditionRequired, "Send If-Match.")
            return None
        etag = None
        if obj is not None:
            shown = self.build_bundle(obj=obj, request=request)
            etag = etag_of(self, self.full_dehydrate(shown))
        if fails(request, etag):
            text = "The object is not the one that you have seen: read it again."
            self.refuse(request, HttpPreconditionFailed, text)
        return obj

    def refuse(self, request: Any, response_class: Any, text: str) -> None:
        raise ImmediateHttpResponse(
            self.error_response(request, {"error": text}, response_class=response_class)
        )

    def obj_get_locked(self, bundle: Any, **kwargs) -> Any:
        """obj_get() of what nobody else changes until the write is done, where the
        store can do that.
        """
        return self.obj_get(bundle=bundle, **kwargs)
