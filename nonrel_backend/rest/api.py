"""Api: resources below one name, with a list of them at its top."""

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import include, re_path

from .authentication import Authentication
from .exceptions import NotRegistered
from .openapi.docs import docs_file, docs_page
from .openapi.document import document
from .resource.addresses import address
from .resource.checks import Checks
from .resource.options import ResourceOptions
from .resource.resource import Resource
from .serializers import Serializer
from .throttle import BaseThrottle
from .visibility import Visibility


class Api(Checks):
    """A set of resources. `urls` has their URL patterns, below `api_name`/.

    The list of the resources, the OpenAPI document and the page that shows it are for
    those whom `authentication` knows. They show the resources that the user may read;
    with `describes_all`, all. With `browsable`, browsers get pages with forms.
    """

    def __init__(
        self,
        api_name: str = "v1",
        serializer_class: type[Serializer] = Serializer,
        authentication: Authentication | None = None,
        throttle: BaseThrottle | None = None,
        describes_all: bool = False,
        browsable: bool = False,
    ) -> None:
        self.describes_all = describes_all
        self.api_name = api_name
        self._registry: dict[str, Resource] = {}
        self._canonicals: dict[str, Resource] = {}
        self.serializer = serializer_class()
        self._meta = ResourceOptions()
        self._meta.serializer = self.serializer
        self._meta.resource_name = api_name
        self._meta.authentication = authentication or self._meta.authentication
        self._meta.throttle = throttle or self._meta.throttle
        self._meta.browsable = browsable

    def register(self, resource: Resource, canonical: bool = True) -> None:
        """Add an instance of a resource. Relations lead to the canonical one."""
        name = getattr(resource._meta, "resource_name", None)
        if not name or isinstance(resource, type):
            raise ImproperlyConfigured(
                f"{resource!r} cannot be registered: register an instance of a "
                "Resource that has a resource_name."
            )
        resource._meta.api_name = self.api_name
        resource._meta.browsable = resource._meta.browsable or self._meta.browsable
        if self.urlconf_namespace is not None:
            resource._meta.urlconf_namespace = self.urlconf_namespace
        self._registry[name] = resource
        if canonical:
            self._canonicals[name] = resource

    def unregister(self, resource_name: str) -> None:
        """Remove a resource."""
        self._registry.pop(resource_name, None)
        self._canonicals.pop(resource_name, None)

    def canonical_resource_for(self, resource_name: str) -> Resource:
        """Return the canonical resource with this name. Raise NotRegistered if there is
        none.
        """
        if resource_name not in self._canonicals:
            raise NotRegistered(f"No resource is registered as {resource_name!r}.")
        return self._canonicals[resource_name]

    # --- URLs ---

    # The namespace that the project includes `urls` in; None for the first.
    urlconf_namespace: str | None = None

    @property
    def urls(self) -> list[Any]:
        """All URL patterns."""
        name, view = rf"^(?P<api_name>{self.api_name})", f"api_{self.api_name}"
        own = [
            re_path(
                rf"{name}/$", self.wrap_view("top_level"), name=f"{view}_top_level"
            ),
            re_path(
                rf"{name}/openapi\.json$",
                self.wrap_view("openapi"),
                name=f"{view}_openapi",
            ),
            re_path(
                rf"{name}/docs/(?P<name>[\w.-]+)?$",
                self.wrap_view("docs"),
                name=f"{view}_docs",
            ),
        ]
        patterns = []
        # The resource "auth/user" comes before "auth", which would take it for a key.
        for key in sorted(self._registry, key=lambda key: (-key.count("/"), key)):
            resource = self._registry[key]
            # URL patterns of the project may begin with anything.
            first = rf"(?={re.escape(key)}(?:/|$))" if resource.uris.are_plain else ""
            patterns.append(re_path(rf"{name}/{first}", include(resource.urls)))
        return [*self.prepend_urls(), *self.override_urls(), *patterns, *own]

    def prepend_urls(self) -> list[Any]:
        """Return more URL patterns, which are tried before the others."""
        return []

    def override_urls(self) -> list[Any]:
        """Return more URL patterns: the older name of prepend_urls()."""
        return []

    # --- views ---

    def visibility(self, request: HttpRequest) -> Visibility:
        """Return which resources the user of the request may read."""
        trusted = type(self._meta.authentication) is not Authentication
        return Visibility(request, self.describes_all, trusted)

    def top_level(
        self, request: HttpRequest, api_name: str | None = None, **kwargs: Any
    ) -> HttpResponse:
        """Respond with the URIs of the list and the schema of each resource."""
        self.check_get(request)
        found: dict[str, dict[str, Any]] = {}
        visibility = self.visibility(request)
        for name in sorted(self._registry):
            if not visibility.shows(self._registry[name]):
                continue
            found[name] = {
                "list_endpoint": self.address("api_dispatch_list", name),
                "schema": self.address("api_get_schema", name),
            }
        return self.create_response(request, found)

    def address(self, url_name: str, resource_name: str) -> str:
        """Return the URI of a resource's view; empty if there is none."""
        kwargs = {"api_name": self.api_name, "resource_name": resource_name}
        return address(url_name, kwargs, self.urlconf_namespace)

    def openapi(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Respond with the OpenAPI document of the resources that the user may read."""
        self.check_get(request)
        content = self.serializer.to_json(document(self, self.visibility(request)))
        return HttpResponse(content, content_type="application/json")

    def docs(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Respond with a page that shows the OpenAPI document, or with one of its
        files.
        """
        self.method_check(request, ["get"])
        if kwargs.get("name"):
            return docs_file(request, kwargs["name"])
        self.check_get(request)
        kwargs = {"api_name": self.api_name}
        found = address(f"api_{self.api_name}_openapi", kwargs, self.urlconf_namespace)
        return docs_page(request, self.api_name, found)


class NamespacedApi(Api):
    """An Api that the project includes in the URL namespace `urlconf_namespace`, where
    several have resources of one name.
    """

    def __init__(
        self,
        api_name: str = "v1",
        urlconf_namespace: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(api_name, **kwargs)
        self.urlconf_namespace = urlconf_namespace
