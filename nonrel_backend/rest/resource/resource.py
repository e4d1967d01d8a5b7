"""Resource: serves objects of any kind at a URI."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property
from django.utils.translation import gettext

from ..bundle import Bundle
from ..exceptions import NotFound
from ..fields.base import ApiField
from ..modelresource.state import is_ours
from .access import Access
from .addresses import address
from .cycles import Cycles
from .options import DeclarativeMetaclass
from .preconditions import Preconditions
from .reading import Reading
from .relations import Relations
from .transactions import Transactions
from .uris import Uris, is_unreachable
from .writing import Writing

# The methods that filter by parameters, which a project may override.
FILTERING = ("build_filters", "apply_filters", "obj_get_list", "get_list")


class Resource(Access, metaclass=DeclarativeMetaclass):
    """A resource: fields, `Meta`, and the methods of the data.

    The public methods are hooks: a subclass may override each and call super(). An
    instance serves many requests at once, so it has no state of any of them.
    """

    base_fields: dict[str, ApiField]
    fields: dict[str, ApiField]
    # Whether files can be uploaded.
    stores_files = False

    def __init__(self, api_name: str | None = None) -> None:
        super().__init__()
        # Copies, since one class may be in several Apis.
        self._meta = copied(type(self)._meta)
        if self._meta.limit is None:
            self._meta.limit = getattr(settings, "API_LIMIT_PER_PAGE", 20)
        if api_name is not None:
            self._meta.api_name = api_name
        self.fields = {}
        for name, field in type(self).base_fields.items():
            self.fields[name] = copied(field)
            self.fields[name]._resource = self

    def has_default(self, name: str) -> bool:
        """Return whether a method of Resource is not overridden."""
        return getattr(type(self), name) is getattr(Resource, name)

    @property
    def knows_parameters(self) -> bool:
        """Whether the resource filters by the parameters of its fields alone, so that
        an unknown one can be rejected.
        """
        return all(is_ours(getattr(type(self), name)) for name in FILTERING)

    # --- the parts ---

    @cached_property
    def uris(self) -> Uris:
        """The URIs of the objects."""
        return Uris(self)

    @cached_property
    def cycles(self) -> Cycles:
        """The dehydrate and hydrate cycles."""
        return Cycles(self)

    @cached_property
    def reading(self) -> Reading:
        """The answers to GET."""
        return Reading(self)

    @cached_property
    def writing(self) -> Writing:
        """The answers to POST, PUT, PATCH and DELETE."""
        return Writing(self)

    @cached_property
    def transactions(self) -> Transactions:
        """How a request's changes are written, all or nothing."""
        return Transactions(self)

    @cached_property
    def preconditions(self) -> Preconditions:
        """What is checked before one object is written."""
        return Preconditions(self)

    @cached_property
    def relations(self) -> Relations:
        """What the relations that lead to this resource ask of it."""
        return Relations(self)

    # --- URLs ---

    def base_urls(self) -> list[Any]:
        """Return the URL patterns of the list, the schema, sets and details."""
        return self.uris.patterns()

    def override_urls(self) -> list[Any]:
        """Return more URL patterns: the older name of prepend_urls()."""
        return []

    def prepend_urls(self) -> list[Any]:
        """Return more URL patterns, which are tried before the others."""
        return []

    @property
    def urls(self) -> list[Any]:
        """All URL patterns."""
        return [*self.prepend_urls(), *self.override_urls(), *self.base_urls()]

    def remove_api_resource_names(self, url_dict: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a URL without `api_name` and `resource_name`."""
        return {
            name: value
            for name, value in url_dict.items()
            if name not in ("api_name", "resource_name")
        }

    def resource_uri_kwargs(self, bundle_or_obj: Any = None) -> dict[str, Any]:
        """Return all arguments of the URI of the list, or of an object."""
        kwargs: dict[str, Any] = {"resource_name": self._meta.resource_name}
        if self._meta.api_name is not None:
            kwargs["api_name"] = self._meta.api_name
        if bundle_or_obj is not None:
            kwargs.update(self.detail_uri_kwargs(bundle_or_obj))
        return kwargs

    def get_bundle_detail_data(self, bundle: Any) -> Any:
        """Return the key of a bundle's object; None before it has one."""
        obj = bundle.obj if isinstance(bundle, Bundle) else bundle
        return getattr(obj, self._meta.detail_uri_name, None)

    def get_resource_uri(
        self, bundle_or_obj: Any = None, url_name: str = "api_dispatch_list"
    ) -> str:
        """Return the URI of the list or of an object; empty if there is none."""
        if bundle_or_obj is not None:
            if self.uris.are_plain:
                return self.uris.of_key(self.get_bundle_detail_data(bundle_or_obj))
            url_name = "api_dispatch_detail"
        kwargs = self.resource_uri_kwargs(bundle_or_obj)
        if bundle_or_obj is not None:
            if is_unreachable(kwargs.get(self._meta.detail_uri_name)):
                return ""
        return address(url_name, kwargs, self._meta.urlconf_namespace)

    def get_via_uri(self, uri: str, request: HttpRequest | None = None) -> Any:
        """Return the object of a URI. Raise NotFound if there is none."""
        kwargs = self.uris.kwargs_of(uri, request)
        bundle = self.build_bundle(request=request)
        try:
            return self.obj_get(bundle=bundle, **kwargs)
        except ObjectDoesNotExist as error:
            raise NotFound(
                gettext("There is no object at %(uri)r.") % {"uri": uri}
            ) from error

    # --- the cycles ---

    def full_dehydrate(self, bundle: Bundle, for_list: bool = False) -> Bundle:
        """Fill the bundle's data from its object."""
        return self.cycles.full_dehydrate(bundle, for_list)

    def dehydrate(self, bundle: Bundle) -> Bundle:
        """Change the data after all fields were dehydrated. A hook."""
        return bundle

    def dehydrate_resource_uri(self, bundle: Bundle) -> str:
        """Return the data of the field resource_uri."""
        return self.get_resource_uri(bundle)

    def full_hydrate(self, bundle: Bundle) -> Bundle:
        """Fill the bundle's object from its data. Save nothing."""
        return self.cycles.full_hydrate(bundle)

    def hydrate(self, bundle: Bundle) -> Bundle:
        """Change the object or the data before the fields are hydrated. A hook."""
        return bundle

    def hydrate_m2m(self, bundle: Bundle) -> Bundle:
        """Read the data of the to-many relations as lists of bundles."""
        return self.cycles.hydrate_m2m(bundle)

    def alter_list_data_to_serialize(self, request: HttpRequest, data: Any) -> Any:
        """Change the data of a list before it is sent. A hook."""
        return data

    def alter_detail_data_to_serialize(self, request: HttpRequest, data: Any) -> Any:
        """Change the bundle of a detail before it is sent. A hook."""
        return data

    def alter_deserialized_list_data(self, request: HttpRequest, data: Any) -> Any:
        """Change the data of a list that was received. A hook."""
        return data

    def alter_deserialized_detail_data(self, request: HttpRequest, data: Any) -> Any:
        """Change the data of an object that was received. A hook."""
        return data

    # --- the views: dispatch() calls one of them ---

    def get_list(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Respond with 200 and a page of the list."""
        return self.reading.get_list(request, self.remove_api_resource_names(kwargs))

    def get_detail(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Respond with 200 and the object, with 404, or with 304 if the client has the
        object already.
        """
        return self.reading.get_detail(request, self.remove_api_resource_names(kwargs))

    def get_schema(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Respond with 200 and build_schema()."""
        self.check_get(request)
        self.check_readable(request)
        self.log_throttled_access(request)
        return self.create_response(request, self.build_schema())

    def build_schema(self) -> dict[str, Any]:
        """Return the description of the resource."""
        return self.reading.schema()

    def get_multiple(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Respond with 200, the objects of set/1;2/, and the keys not found."""
        self.check_get(request)
        return self.reading.get_multiple(
            request, self.remove_api_resource_names(kwargs)
        )

    def post_list(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Create an object and respond with 201 and its Location. Create all objects of
        a list, or none.
        """
        return self.writing.post_list(request, self.remove_api_resource_names(kwargs))

    def put_list(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Replace the list, and respond with 204, or with 200 and the data."""
        return self.writing.put_list(request, self.remove_api_resource_names(kwargs))

    def put_detail(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Update an object, and respond with 204, or with 200 and the data. Create it
        if it is absent, and respond with 201.
        """
        return self.writing.put_detail(request, self.remove_api_resource_names(kwargs))

    def patch_list(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Create, update and delete objects, all or nothing. Respond with 202."""
        return self.writing.patch_list(request, self.remove_api_resource_names(kwargs))

    def patch_detail(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Update what was sent of an object. Respond with 202 or 404."""
        return self.writing.patch_detail(
            request, self.remove_api_resource_names(kwargs)
        )

    def update_in_place(
        self, request: HttpRequest, original_bundle: Bundle, new_data: dict[str, Any]
    ) -> Bundle:
        """Update the bundle's object with the data of a PATCH."""
        return self.writing.update_in_place(request, original_bundle, new_data)

    def delete_list(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Delete the objects that match the filters. Respond with 204."""
        return self.writing.delete_list(request, self.remove_api_resource_names(kwargs))

    def delete_detail(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Delete an object. Respond with 204 or 404."""
        return self.writing.delete_detail(
            request, self.remove_api_resource_names(kwargs)
        )


def copied(thing: Any) -> Any:
    """Return a shallow copy."""
    found = object.__new__(type(thing))
    found.__dict__.update(thing.__dict__)
    return found


def schema_name(resource: Resource) -> str:
    """Return the name of the resource's schemas in OpenAPI."""
    return str(resource._meta.resource_name).replace("/", ".")
