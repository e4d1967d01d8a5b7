"""GET of lists, details, schema and sets."""

from functools import cached_property
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

from ..bundle import Bundle
from ..exceptions import BadRequest, NotFound
from ..formats.export import JSON_LINES, is_export, lines
from ..formats.projection import asked_fields, project
from ..http import HttpPreconditionFailed
from ..serializers import Serializer
from .endpoint import Dispatch
from .part import Part
from .preconditions import etag_of
from .readers import readers

# The headers of conditional requests.
CONDITIONS = (
    "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_UNMODIFIED_SINCE",
)  # fmt: skip
ABSENT = (NotFound, ObjectDoesNotExist)


class Reads(Part):
    """What a resource answers to GET; each method is called by dispatch()."""

    # --- GET ---

    def get_list(self, request: HttpRequest, **kwargs) -> HttpResponseBase:
        """200, with a page of the list."""
        bundle = self.build_bundle(request=request)
        objects = self.obj_get_list(
            bundle=bundle, **self.remove_api_resource_names(kwargs)
        )
        if not self.authorizes_itself:
            objects = self.authorized_read_list(objects, bundle)
        objects = self.apply_sorting(objects, options=request.GET)
        asked = asked_fields(self, request, for_list=True)
        if is_export(request):
            return self.stream_list(request, objects, asked)
        found = self.page_of(request, objects)
        name = self._meta.collection_name
        found[name] = self.dehydrated(request, found[name], asked)
        found = self.alter_list_data_to_serialize(request, found)
        return self.create_response(request, found)

    def dehydrated(self, request: HttpRequest, objects: Any, asked: Any) -> list:
        """The objects of a page as bundles; what they relate to is loaded at once."""
        objects = self.load_related(list(objects), for_list=True, asked=asked)
        bundles = []
        known = readers(self, type(objects[0]), True) if objects else None
        for obj in objects:
            bundle = Bundle(obj=obj, request=request)
            bundle.only, bundle.readers = asked.names, known
            bundle = self.full_dehydrate(bundle, for_list=True)
            bundles.append(project(bundle, asked))
        return bundles

    def page_of(self, request: HttpRequest, objects: Any) -> dict[str, Any]:
        return self.paginator(request, objects).page()

    def paginator(self, request: HttpRequest, objects: Any) -> Any:
        """Meta's paginator of the list; that of cursors with ?cursor=."""
        meta = self._meta
        options: dict[str, Any] = {
            "resource_uri": request.path,
            "limit": meta.limit,
            "max_limit": meta.max_limit,
            "collection_name": meta.collection_name,
        }
        if "cursor" in request.GET and meta.cursor_paginator_class is not None:
            if not hasattr(objects, "query"):
                raise BadRequest("This list has no cursors: page by offset.")
            return meta.cursor_paginator_class(request.GET, objects, **options)
        paginator = meta.paginator_class(request.GET, objects, **options)
        paginator.total_count = meta.total_count
        paginator.max_offset = meta.max_offset
        return paginator

    def stream_list(self, request, objects, asked) -> StreamingHttpResponse:
        """The whole list as JSON Lines, in constant memory."""
        chunks = lines(self, request, objects, asked)
        return StreamingHttpResponse(chunks, content_type=JSON_LINES)

    def get_detail(self, request: HttpRequest, **kwargs) -> HttpResponse:
        """200, with the object; 404; 304 where the client has it."""
        bundle = self.build_bundle(request=request)
        obj = self.cached_obj_get(
            bundle=bundle, **self.remove_api_resource_names(kwargs)
        )
        asked = asked_fields(self, request, for_list=False)
        bundle = self.build_bundle(obj=obj, request=request)
        self.authorize("read", bundle)
        bundle = self.full_dehydrate(bundle)
        etag = etag_of(self, bundle)
        if asked.tree is not None or self.alters_details:
            bundle.text = None
        bundle = self.alter_detail_data_to_serialize(request, project(bundle, asked))
        response = self.create_response(request, bundle)
        response["ETag"] = etag
        if not any(name in request.META for name in CONDITIONS):
            return response
        answer = get_conditional_response(request, etag=etag, response=response)
        if answer.status_code == 412:
            self.refuse(
                request, HttpPreconditionFailed, "The object is another by now."
            )
        return answer

    @cached_property
    def alters_details(self) -> bool:
        """Whether the data of an ETag may be other data than what is sent."""
        cls: Any = type(self)
        hook = cls.alter_detail_data_to_serialize
        return (
            hook is not Dispatch.alter_detail_data_to_serialize
            or type(self._meta.serializer) is not Serializer
        )

    def get_schema(self, request: HttpRequest, **kwargs) -> HttpResponse:
        """200, with build_schema()."""
        self.method_check(request, allowed=["get"])
        self.is_authenticated(request)
        self.is_authorized(request)
        self.throttle_check(request)
        self.log_throttled_access(request)
        return self.create_response(request, self.build_schema())

    def get_multiple(self, request: HttpRequest, **kwargs) -> HttpResponse:
        """200, with the objects of set/1;2/, and the keys that were not found."""
        self.method_check(request, allowed=["get"])
        self.is_authenticated(request)
        self.is_authorized(request)
        self.throttle_check(request)
        kwargs = self.remove_api_resource_names(kwargs)
        text = kwargs.pop(f"{self._meta.detail_uri_name}_list", "")
        keys = [key for key in text.split(";") if key]
        if len(keys) > self._meta.max_keys:
            raise BadRequest(f"At most {self._meta.max_keys} keys at once.")
        found = self.objs_of_keys(keys, request, **kwargs)
        name = self._meta.collection_name
        asked = asked_fields(self, request, for_list=True)
        objects = [found[key] for key in keys if key in found]
        data = {name: self.dehydrated(request, objects, asked)}
        missing = [key for key in keys if key not in found]
        if missing:
            data["not_found"] = missing
        self.log_throttled_access(request)
        return self.create_response(
            request, self.alter_list_data_to_serialize(request, data)
        )

    def objs_of_keys(self, keys: list[str], request: Any, **kwargs) -> dict[str, Any]:
        """The objects there are, by key."""
        found = {}
        for key in keys:
            bundle = self.build_bundle(request=request)
            lookup = {self._meta.detail_uri_name: key, **kwargs}
            try:
                bundle.obj = self.obj_get(bundle=bundle, **lookup)
                self.authorize("read", bundle)
                found[key] = bundle.obj
            except ABSENT:
                continue
        return found
