"""Reading: GET of lists, details and sets."""

import re
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.functional import cached_property
from django.utils.translation import gettext

from ..bundle import Bundle
from ..conf import setting
from ..exceptions import BadRequest, NotFound
from ..formats.export import check_export, export_type, lines
from ..formats.projection import Projection, project, requested_fields
from ..http import HttpPreconditionFailed
from ..serializers import Serializer
from .endpoint import parameters
from .parameters import UNCACHED, reject_unknown
from .preconditions import CHANGED, etag_of, representation

if TYPE_CHECKING:
    from .resource import Resource

# The headers of conditional requests.
CONDITIONS = (
    "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_UNMODIFIED_SINCE",
)  # fmt: skip
ABSENT = (NotFound, ObjectDoesNotExist)
# Between the keys of a set. A ; within a key is written \\;
KEYS = re.compile(r"(?<!\\);")


class Reading:
    """The answers to GET."""

    def __init__(self, resource: "Resource") -> None:
        self.resource = resource

    def get_list(self, request: HttpRequest, lookup: dict[str, Any]) -> Any:
        """Return a page of the list, or stream all of it as JSON Lines."""
        resource = self.resource
        self.check_parameters(request)
        bundle = resource.build_bundle(request=request)
        objects = resource.obj_get_list(bundle=bundle, **lookup)
        if not resource.authorizes_itself:
            objects = resource.authorized_read_list(objects, bundle)
        objects = self.sorted(request, objects)
        projection = requested_fields(resource, request)
        export = export_type(resource, request)
        if export is not None:
            check_export(request)
            return self.stream(request, objects, projection, export)
        found = self.page(request, objects)
        name = resource._meta.collection_name
        found[name] = self.dehydrated(request, found[name], projection)
        found = resource.alter_list_data_to_serialize(request, found)
        return resource.create_response(request, found)

    def check_parameters(self, request: HttpRequest) -> None:
        """Raise InvalidFilterError for an unknown parameter if Meta.strict says so."""
        strict = self.resource._meta.strict
        if strict is None:
            strict = setting("STRICT", True)
        if strict and self.resource.knows_parameters:
            given = [name for name in parameters(request) if name != UNCACHED]
            reject_unknown(given, self.resource)

    def dehydrated(
        self, request: HttpRequest, objects: Any, projection: Projection
    ) -> list[Bundle]:
        """Return the objects of a page as bundles."""
        resource = self.resource
        objects = resource.relations.load(
            list(objects), True, projection.names, request
        )
        bundles = []
        readers = resource.cycles.readers(type(objects[0]), True) if objects else None
        for obj in objects:
            bundle = Bundle(obj=obj, request=request)
            bundle.only, bundle.readers = projection.names, readers
            bundle = resource.full_dehydrate(bundle, for_list=True)
            bundles.append(project(bundle, projection))
        return bundles

    def sorted(self, request: HttpRequest, objects: Any) -> Any:
        """Return the objects in the order of the request."""
        return self.resource.apply_sorting(objects, options=request.GET)

    def page(self, request: HttpRequest, objects: Any) -> dict[str, Any]:
        """Return the requested page of the objects."""
        return self.paginator(request, objects).page()

    def paginator(self, request: HttpRequest, objects: Any) -> Any:
        """Return Meta's paginator for the list; that of cursors for ?cursor=."""
        meta = self.resource._meta
        options: dict[str, Any] = {
            "resource_uri": request.path,
            "limit": meta.limit,
            "max_limit": meta.max_limit,
            "collection_name": meta.collection_name,
        }
        if "cursor" in request.GET and meta.cursor_paginator_class is not None:
            if not hasattr(objects, "query"):
                raise BadRequest(
                    gettext("This list has no cursors: use limit and offset.")
                )
            return meta.cursor_paginator_class(request.GET, objects, **options)
        paginator = meta.paginator_class(request.GET, objects, **options)
        paginator.total_count = meta.total_count
        paginator.max_offset = meta.max_offset
        return paginator

    def stream(
        self,
        request: HttpRequest,
        objects: Any,
        projection: Projection,
        content_type: str,
    ) -> HttpResponseBase:
        """Return a response that streams the whole list as JSON Lines."""
        chunks = lines(self.resource, request, objects, projection)
        return StreamingHttpResponse(chunks, content_type=content_type)

    def get_detail(
        self, request: HttpRequest, lookup: dict[str, Any]
    ) -> HttpResponseBase:
        """Return the object with its ETag, or 304 if the client has it."""
        resource = self.resource
        bundle = resource.build_bundle(request=request)
        obj = resource.cached_obj_get(bundle=bundle, **lookup)
        projection = requested_fields(resource, request)
        bundle = resource.build_bundle(obj=obj, request=request)
        resource.authorize("read", bundle)
        bundle = resource.full_dehydrate(bundle)
        etag = etag_of(resource, bundle)
        if projection.tree is not None or self.alters_details:
            bundle.text = None
        bundle = resource.alter_detail_data_to_serialize(
            request, project(bundle, projection)
        )
        response = resource.create_response(request, bundle)
        etag = representation(etag, response["Content-Type"], projection.tree)
        response["ETag"] = etag
        if not any(name in request.META for name in CONDITIONS):
            return response
        answer = get_conditional_response(request, etag=etag, response=response)
        if answer.status_code == 412:
            resource.reject(request, HttpPreconditionFailed, CHANGED)
        return answer

    @cached_property
    def alters_details(self) -> bool:
        """Whether the data sent may differ from the data of the ETag."""
        return (
            not self.resource.has_default("alter_detail_data_to_serialize")
            or type(self.resource._meta.serializer) is not Serializer
        )

    def get_multiple(self, request: HttpRequest, lookup: dict[str, Any]) -> Any:
        """Return the objects of set/1;2/, and the keys that were not found."""
        resource, meta = self.resource, self.resource._meta
        text = lookup.pop(f"{meta.detail_uri_name}_list", "")
        keys = [key.replace(r"\;", ";") for key in KEYS.split(text) if key]
        if len(keys) > meta.max_keys:
            raise BadRequest(
                gettext("Too many keys: at most %(max_keys)s are allowed.")
                % {"max_keys": meta.max_keys}
            )
        found = self.objs_of_keys(keys, request, lookup)
        projection = requested_fields(resource, request)
        objects = [found[key] for key in keys if key in found]
        data: dict[str, Any] = {
            meta.collection_name: self.dehydrated(request, objects, projection)
        }
        missing = [key for key in keys if key not in found]
        if missing:
            data["not_found"] = missing
        resource.log_throttled_access(request)
        return resource.create_response(
            request, resource.alter_list_data_to_serialize(request, data)
        )

    def objs_of_keys(
        self, keys: list[Any], request: HttpRequest, lookup: dict[str, Any]
    ) -> dict[Any, Any]:
        """Return the existing objects by key."""
        resource, found = self.resource, {}
        for key in keys:
            bundle = resource.build_bundle(request=request)
            wanted = {resource._meta.detail_uri_name: key, **lookup}
            try:
                bundle.obj = resource.obj_get(bundle=bundle, **wanted)
                resource.authorize("read", bundle)
                found[key] = bundle.obj
            except ABSENT:
                continue
        return found

    def schema(self) -> dict[str, Any]:
        """Return the description of the resource in `schema/`."""
        meta = self.resource._meta
        found: dict[str, Any] = {
            "fields": {
                name: field.schema() for name, field in self.resource.fields.items()
            },
            "default_format": meta.default_format,
            "default_limit": meta.limit,
            "allowed_list_http_methods": meta.list_allowed_methods,
            "allowed_detail_http_methods": meta.detail_allowed_methods,
        }
        if meta.ordering:
            found["ordering"] = list(meta.ordering)
        if meta.filtering:
            found["filtering"] = {
                name: value if isinstance(value, int) else list(value)
                for name, value in meta.filtering.items()
            }
        return found
