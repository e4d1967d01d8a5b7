"""ModelUris, ModelReading and ModelWriting: the views of a ModelResource."""

import re
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import re_path
from django.utils.functional import cached_property

from ..bundle import Bundle
from ..exceptions import MalformedKey, Unauthorized
from ..formats.projection import Projection
from ..resource.endpoint import parameters
from ..resource.parameters import reject_unknown
from ..resource.reading import Reading
from ..resource.uris import NESTED, Uris
from ..resource.writing import Writing
from ..utils.urls import trailing_slash
from ..validation import Validation
from .readable import asking
from .stored import as_stored

if TYPE_CHECKING:
    from .resource import ModelResource

# The methods that make URIs, which a project may override.
URI_METHODS = (
    "urls",
    "base_urls",
    "prepend_urls",
    "override_urls",
    "resource_uri_kwargs",
    "detail_uri_kwargs",
    "get_bundle_detail_data",
    "get_resource_uri",
)


class ModelUris(Uris):
    """The URIs of a ModelResource."""

    resource: "ModelResource"

    @cached_property
    def are_plain(self) -> bool:
        return all(map(self.resource.has_default, URI_METHODS))

    def patterns(self) -> list[Any]:
        found, resource = super().patterns(), self.resource
        names = "|".join(map(re.escape, resource.nested.names))
        if names:
            own = re_path(
                rf"{self.prefix}/(?P<{resource._meta.detail_uri_name}>[\s\S]+?)/"
                rf"(?P<nested_name>{names}){trailing_slash()}$",
                resource.wrap_view("dispatch_nested"),
                name=NESTED,
            )
            found.insert(-1, own)
        return found


class ModelReading(Reading):
    """The answers of a ModelResource to GET."""

    resource: "ModelResource"

    def sorted(self, request: HttpRequest, objects: Any) -> Any:
        with asking(request):
            return super().sorted(request, objects)

    def page(self, request: HttpRequest, objects: Any) -> dict[str, Any]:
        if not parameters(request):
            return super().page(request, objects)
        with self.resource.filtering.rejected_values(request):
            return super().page(request, objects)

    def stream(
        self,
        request: HttpRequest,
        objects: Any,
        projection: Projection,
        content_type: str,
    ) -> HttpResponseBase:
        self.resource.filtering.check_executable(request, objects)
        return super().stream(request, objects, projection, content_type)

    def objs_of_keys(
        self, keys: list[Any], request: HttpRequest, lookup: dict[str, Any]
    ) -> dict[Any, Any]:
        """Return the existing objects by key, found in one query."""
        resource, values = self.resource, {}
        if not resource.has_default("obj_get"):
            return super().objs_of_keys(keys, request, lookup)
        name = resource.keys.name
        for key in keys:
            try:
                values[key] = resource.keys.value(name, key)
            except MalformedKey:
                continue
        bundle = resource.build_bundle(request=request)
        lookup = resource.lookup_kwargs_with_identifiers(bundle, lookup)
        objects = resource.get_object_list(request).filter(**lookup)
        objects = objects.filter(**{f"{name}__in": list(set(values.values()))})
        objects = resource.apply_authorization_limits(request, objects)
        by_value = {getattr(obj, name): obj for obj in objects}
        return {
            key: by_value[value]
            for key, value in values.items()
            if value in by_value and self.is_readable(by_value[value], objects, request)
        }

    def is_readable(self, obj: Any, objects: Any, request: HttpRequest) -> bool:
        """Return whether the user may read an object."""
        bundle = Bundle(obj, request=request)
        try:
            return self.resource.authorized_read_detail(objects, bundle)
        except Unauthorized:
            return False


class ModelWriting(Writing):
    """The answers of a ModelResource to the methods that write."""

    resource: "ModelResource"

    def update_in_place(
        self, request: HttpRequest, bundle: Bundle, new_data: dict[str, Any]
    ) -> Bundle:
        resource, shown = self.resource, {}
        if self.needs_all_data or any("." in name for name in new_data):
            shown = resource.full_dehydrate(
                Bundle(obj=bundle.obj, request=request)
            ).data
        bundle.shown = shown
        bundle.data = resource.cycles.merged(shown, new_data)
        bundle.sent = {name.partition(".")[0] for name in new_data}
        keys = resource.keys
        return resource.obj_update(bundle=bundle, **{keys.name: keys.of(bundle.obj)})

    @property
    def needs_all_data(self) -> bool:
        """Whether a hook or the validation may look at data that was not sent."""
        resource = self.resource
        return (
            resource.cycles.has_hydrate_hooks
            or type(resource._meta.validation) is not Validation
        )

    def check_parameters(self, request: HttpRequest) -> None:
        super().check_parameters(request)
        if self.resource.has_default("build_filters"):
            reject_unknown(request.GET, self.resource)

    def as_stored(self, obj: Any) -> Any:
        return as_stored(obj, self.resource.database)
