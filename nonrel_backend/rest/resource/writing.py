"""Writing: POST, PUT, PATCH and DELETE of lists and details."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from ..bundle import Bundle
from ..exceptions import BadRequest, ImmediateHttpResponse, MalformedKey, NotFound
from ..formats.projection import ALL_FIELDS
from ..http import (
    HttpAccepted,
    HttpContentTooLarge,
    HttpCreated,
    HttpMethodNotAllowed,
    HttpNoContent,
)
from .items import each
from .parameters import reject_pages
from .preconditions import etag_of, is_conditional
from .reading import ABSENT
from .undo import Changes

if TYPE_CHECKING:
    from .resource import Resource


class Writing:
    """The answers to the methods that write."""

    def __init__(self, resource: "Resource") -> None:
        self.resource = resource

    # --- POST ---

    def post_list(self, request: HttpRequest, lookup: dict[str, Any]) -> HttpResponse:
        """Create an object, or all objects of a list."""
        resource = self.resource
        data = resource.read_body(request)
        if isinstance(data, list):
            return self.post_many(request, data, lookup)
        if not isinstance(data, dict):
            raise BadRequest(
                gettext("The body must be an object, or a list of objects.")
            )

        def work(changes: Changes) -> Bundle:
            return self.create_one(request, data, changes, lookup)

        bundle = resource.transactions.all_or_nothing(work, request, data)
        response = self.response(request, bundle, HttpCreated)
        location = resource.get_resource_uri(bundle)
        if location:
            response["Location"] = location
        return response

    def post_many(
        self, request: HttpRequest, items: list[Any], lookup: dict[str, Any]
    ) -> HttpResponse:
        """Create all objects of a list, or none."""
        transactions = self.resource.transactions
        self.check_objects(request, items)
        transactions.check_items(request, "", items)

        def work(changes: Changes) -> list[Bundle]:
            return [
                self.create_one(request, data, changes, lookup)
                for data in each(request, "", items)
            ]

        bundles = transactions.all_or_nothing(work, request)
        return self.list_response(request, bundles, HttpCreated)

    def create_one(
        self,
        request: HttpRequest,
        data: dict[str, Any],
        changes: Changes,
        lookup: dict[str, Any],
    ) -> Bundle:
        """Create an object from data that was not altered yet."""
        data = self.resource.alter_deserialized_detail_data(request, dict(data))
        return self.create_at(request, data, changes, lookup)

    def create_at(
        self,
        request: HttpRequest,
        data: dict[str, Any],
        changes: Changes,
        lookup: dict[str, Any],
    ) -> Bundle:
        """Create an object with the key of its address."""
        resource = self.resource
        bundle = resource.build_bundle(data=dict(data), request=request)
        bundle.changes = changes
        resource.authorize("create", bundle)
        bundle = resource.obj_create(bundle, **lookup)
        changes.created(bundle)
        return bundle

    # --- PUT ---

    def put_detail(self, request: HttpRequest, lookup: dict[str, Any]) -> HttpResponse:
        """Update the object at an address, or create it."""
        resource = self.resource
        data = resource.read_object(request)
        self.check_own_uri(request, data, lookup)

        def work(changes: Changes) -> tuple[Bundle, bool]:
            expected = resource.preconditions.check(request, lookup)
            altered = resource.alter_deserialized_detail_data(request, dict(data))
            return self.put_at(request, altered, changes, lookup, expected)

        bundle, is_new = resource.transactions.all_or_nothing(work, request, data)
        resource.forget(request, **lookup)
        if is_new:
            response = self.response(request, bundle, HttpCreated)
        else:
            response = self.response(request, bundle, HttpResponse, HttpNoContent)
        response["Location"] = resource.get_resource_uri(bundle)
        return self.with_etag(request, response, lookup)

    def put_list(self, request: HttpRequest, lookup: dict[str, Any]) -> HttpResponse:
        """Replace the list."""
        resource = self.resource
        name = resource._meta.collection_name
        data = resource.read_object(request)
        if name not in data:
            raise BadRequest(gettext("The body has no %(name)r.") % {"name": name})
        data = resource.alter_deserialized_list_data(request, data)
        items = data[name]
        self.check_objects(request, items)
        self.check_parameters(request)
        resource.transactions.check_items(request, name, items)

        def work(changes: Changes) -> list[Bundle]:
            bundles = [
                self.put_one(request, data, changes, lookup)
                for data in each(request, name, items)
            ]
            old = resource.build_bundle(request=request)
            old.stored = [bundle.obj for bundle in bundles]
            old.changes = changes
            resource.authorize("delete", old)
            resource.obj_delete_list_for_update(bundle=old, **lookup)
            return bundles

        bundles = resource.transactions.all_or_nothing(work, request)
        resource.forget_all()
        return self.list_response(request, bundles, HttpResponse, HttpNoContent)

    def put_one(
        self,
        request: HttpRequest,
        data: dict[str, Any],
        changes: Changes,
        lookup: dict[str, Any],
    ) -> Bundle:
        """Update one object of the new list, or create it."""
        data = self.resource.alter_deserialized_detail_data(request, dict(data))
        own = self.resource.uris.identity(data, request) | lookup
        if own == lookup:
            return self.create_at(request, data, changes, own)
        try:
            return self.put_at(request, data, changes, own)[0]
        except MalformedKey as error:
            raise BadRequest(gettext("An object has an invalid key.")) from error

    def put_at(
        self,
        request: HttpRequest,
        data: dict[str, Any],
        changes: Changes,
        lookup: dict[str, Any],
        expected: Any = None,
    ) -> tuple[Bundle, bool]:
        """Update the object at an address, or create it. Return it, and whether it is
        new.
        """
        resource = self.resource
        bundle = resource.build_bundle(data=dict(data), request=request)
        bundle.expected, bundle.changes = expected, changes
        try:
            resource.transactions.remember(request, changes, lookup)
            resource.authorize_at("update", request, **lookup)
            return resource.obj_update(bundle, **lookup), False
        except MalformedKey:
            raise
        except ABSENT:
            return self.create_at(request, data, changes, lookup), True

    # --- PATCH ---

    def patch_detail(
        self, request: HttpRequest, lookup: dict[str, Any]
    ) -> HttpResponse:
        """Update what was sent of an object."""
        resource = self.resource
        data = resource.read_object(request)
        self.check_own_uri(request, data, lookup)

        def work(changes: Changes) -> Bundle:
            expected = resource.preconditions.check(request, lookup)
            sent = resource.alter_deserialized_detail_data(request, dict(data))
            return self.patch_at(request, sent, changes, lookup, expected)

        bundle = resource.transactions.all_or_nothing(work, request, data)
        resource.forget(request, **lookup)
        response = self.response(request, bundle, HttpAccepted)
        return self.with_etag(request, response, lookup)

    def patch_list(self, request: HttpRequest, lookup: dict[str, Any]) -> HttpResponse:
        """Create, update and delete objects: all or nothing."""
        resource = self.resource
        name = resource._meta.collection_name
        deleted_name = f"deleted_{name}"
        data = resource.read_object(request)
        if name not in data and deleted_name not in data:
            raise BadRequest(
                gettext("The body has neither %(name)r nor %(deleted_name)r.")
                % {"name": name, "deleted_name": deleted_name}
            )
        data = resource.alter_deserialized_list_data(request, data)
        items, deleted = data.get(name, []), data.get(deleted_name, [])
        self.check_objects(request, items)
        if not isinstance(deleted, list) or not all(
            isinstance(uri, str) for uri in deleted
        ):
            raise BadRequest(
                gettext("%(deleted_name)r must be a list of URIs.")
                % {"deleted_name": deleted_name}
            )
        self.check_number(request, len(items) + len(deleted))
        self.check_detail_method(request, "patch")
        if deleted:
            self.check_detail_method(request, "delete")
        resource.transactions.check_items(request, name, items)

        def work(changes: Changes) -> list[Bundle]:
            bundles = [
                self.patch_one(request, data, changes, lookup)
                for data in each(request, name, items)
            ]
            for uri in each(request, deleted_name, deleted):
                self.delete_one(request, uri, changes)
            return bundles

        bundles = resource.transactions.all_or_nothing(work, request)
        resource.forget_all()
        return self.list_response(request, bundles, HttpAccepted)

    def patch_one(
        self,
        request: HttpRequest,
        data: dict[str, Any],
        changes: Changes,
        lookup: dict[str, Any],
    ) -> Bundle:
        """Update one object of a PATCH on the list, or create it."""
        resource = self.resource
        data = resource.alter_deserialized_detail_data(request, dict(data))
        uri = data.pop("resource_uri", None)
        if uri is None:
            return self.create_at(request, data, changes, lookup)
        if not isinstance(uri, str):
            raise BadRequest(gettext("'resource_uri' must be a string."))
        own = resource.uris.kwargs_of(uri, request)
        try:
            return self.patch_at(request, data, changes, own)
        except MalformedKey as error:
            raise BadRequest(
                gettext("The URI %(uri)r has an invalid key.") % {"uri": uri}
            ) from error
        except ABSENT:
            return self.create_at(request, data, changes, own)

    def patch_at(
        self,
        request: HttpRequest,
        data: dict[str, Any],
        changes: Changes,
        lookup: dict[str, Any],
        expected: Any = None,
    ) -> Bundle:
        """Update what was sent of the object at an address."""
        resource = self.resource
        bundle = resource.build_bundle(request=request)
        bundle.obj = resource.obj_get(bundle=bundle, **lookup)
        bundle.expected, bundle.changes = expected, changes
        resource.transactions.remember(request, changes, lookup)
        return resource.update_in_place(request, bundle, data)

    def update_in_place(
        self, request: HttpRequest, bundle: Bundle, new_data: dict[str, Any]
    ) -> Bundle:
        """Update the bundle's object with the data of a PATCH."""
        resource, obj = self.resource, bundle.obj
        shown = resource.full_dehydrate(Bundle(obj=obj, request=request)).data
        bundle.data = resource.cycles.merged(shown, new_data)
        resource.authorize("update", bundle)
        return resource.obj_update(bundle=bundle, **resource.detail_uri_kwargs(obj))

    def check_own_uri(
        self, request: HttpRequest, data: dict[str, Any], lookup: dict[str, Any]
    ) -> None:
        """Raise BadRequest if the data has the URI of another object than the one at
        this address.
        """
        resource, uri = self.resource, data.get("resource_uri")
        field = resource.fields.get("resource_uri")
        if not uri or field is None or not field.readonly or uri == request.path:
            return
        if not isinstance(uri, str):
            raise BadRequest(gettext("'resource_uri' must be a string."))
        own = resource.uris.kwargs_of(uri, request)
        try:
            mine = resource.canonical_lookup(request, lookup)
            theirs = resource.canonical_lookup(request, own)
            if theirs.keys() != mine.keys():  # by another URL pattern
                found = resource.detail_uri_kwargs(resource.get_via_uri(uri, request))
                theirs = resource.canonical_lookup(request, found)
            same = theirs == mine
        except NotFound:
            same = False
        if not same:
            raise BadRequest(
                gettext("The URI %(uri)r is of another object than this address.")
                % {"uri": uri}
            )

    def check_detail_method(self, request: HttpRequest, method: str) -> None:
        """Respond with 405 if the method is not allowed on details."""
        allowed = self.resource._meta.detail_allowed_methods
        if method in allowed:
            return
        text = gettext("%(value)s is not allowed on details.") % {
            "value": method.upper()
        }
        response = self.resource.error_response(
            request, {"error": text}, response_class=HttpMethodNotAllowed
        )
        response["Allow"] = ", ".join(each.upper() for each in allowed)
        raise ImmediateHttpResponse(response)

    # --- DELETE ---

    def delete_list(self, request: HttpRequest, lookup: dict[str, Any]) -> HttpResponse:
        """Delete the objects that match the filters."""
        resource = self.resource
        self.check_parameters(request)

        def work(changes: Changes) -> None:
            bundle = resource.build_bundle(request=request)
            bundle.changes = changes
            resource.authorize("delete", bundle)
            resource.obj_delete_list(bundle=bundle, **lookup)

        resource.transactions.all_or_nothing(work, request)
        resource.forget_all()
        return HttpNoContent()

    def delete_detail(
        self, request: HttpRequest, lookup: dict[str, Any]
    ) -> HttpResponse:
        """Delete an object."""
        resource = self.resource

        def work(changes: Changes) -> None:
            expected = resource.preconditions.check(request, lookup)
            bundle = Bundle(request=request)
            bundle.expected = expected
            resource.authorize_at("delete", request, **lookup)
            resource.obj_delete(bundle=bundle, **lookup)

        resource.transactions.all_or_nothing(work, request)
        resource.forget(request, **lookup)
        return HttpNoContent()

    def delete_one(self, request: HttpRequest, uri: str, changes: Changes) -> None:
        """Delete the object of a URI."""
        resource = self.resource
        lookup = resource.uris.kwargs_of(uri, request)
        obj = resource.obj_get(bundle=resource.build_bundle(request=request), **lookup)
        bundle = resource.build_bundle(obj=obj, request=request)
        changes.remember(obj)
        resource.authorize("delete", bundle)
        resource.obj_delete(bundle=bundle, **lookup)

    def check_parameters(self, request: HttpRequest) -> None:
        """Raise InvalidFilterError for a parameter that a write to the list would not
        use: without its filter the request would write to all objects.
        """
        reject_pages(request.GET, self.resource.fields)

    def check_objects(self, request: HttpRequest, items: Any) -> None:
        """Raise BadRequest unless the items are a list of objects, and respond with 413
        if they are too many.
        """
        if not isinstance(items, list):
            raise BadRequest(gettext("The objects must be a list of objects."))
        self.check_number(request, len(items))
        if not all(isinstance(item, dict) for item in items):
            raise BadRequest(gettext("The objects must be a list of objects."))

    def check_number(self, request: HttpRequest, number: int) -> None:
        """Respond with 413 if a request writes more objects than Meta.max_items."""
        most = self.resource._meta.max_items
        if most is not None and number > most:
            text = gettext(
                "A request writes at most %(most)s objects; this one has %(number)s."
            )
            text %= {"most": most, "number": number}
            self.resource.reject(request, HttpContentTooLarge, text)

    # --- responses ---

    def as_stored(self, obj: Any) -> Any:
        """Return an object that was just written, with its values as stored."""
        return obj

    def response(
        self, request: HttpRequest, bundle: Bundle, full: Any, empty: Any = None
    ) -> HttpResponse:
        """Return a response of class `full` with the object's data if
        Meta.always_return_data is set; without, an empty one, of class `empty` if
        given.
        """
        resource = self.resource
        if not resource._meta.always_return_data:
            return without_body(empty or full)
        obj = self.as_stored(bundle.obj)
        shown = resource.full_dehydrate(resource.build_bundle(obj=obj, request=request))
        shown = resource.alter_detail_data_to_serialize(request, shown)
        return resource.create_response(request, shown, response_class=full)

    def list_response(
        self, request: HttpRequest, bundles: list[Bundle], full: Any, empty: Any = None
    ) -> HttpResponse:
        """Return the same for several objects."""
        resource = self.resource
        if not resource._meta.always_return_data:
            return without_body(empty or full)
        objects = [self.as_stored(bundle.obj) for bundle in bundles]
        shown = resource.reading.dehydrated(request, objects, ALL_FIELDS)
        found = {resource._meta.collection_name: shown}
        found = resource.alter_list_data_to_serialize(request, found)
        return resource.create_response(request, found, response_class=full)

    def with_etag(
        self, request: HttpRequest, response: HttpResponse, lookup: dict[str, Any]
    ) -> HttpResponse:
        """Add the new ETag to the response if the request was conditional."""
        if is_conditional(request):
            resource = self.resource
            bundle = resource.build_bundle(request=request)
            obj = resource.obj_get(bundle=bundle, **lookup)
            bundle = resource.build_bundle(obj=obj, request=request)
            response["ETag"] = etag_of(resource, resource.full_dehydrate(bundle))
        return response


def without_body(response_class: Any) -> HttpResponse:
    """Return an empty response without a Content-Type."""
    response = response_class()
    response.headers.pop("Content-Type", None)
    return response
