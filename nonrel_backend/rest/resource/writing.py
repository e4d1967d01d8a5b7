"""POST, PUT, PATCH and DELETE of lists and details."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from ..bundle import Bundle
from ..exceptions import BadRequest, ImmediateHttpResponse, MalformedKey
from ..formats.projection import ALL_OF_IT
from ..http import HttpAccepted, HttpCreated, HttpMethodNotAllowed, HttpNoContent
from .part import Part
from .preconditions import etag_of, wants_etag
from .reading import ABSENT


class Writes(Part):
    """What a resource answers to writes; each method is called by dispatch()."""

    # --- POST ---

    def post_list(self, request: HttpRequest, **kwargs) -> HttpResponse:
        """201, with the address of the new object; of a list, all of it or nothing."""
        data = self.read_body(request)
        if isinstance(data, list):
            return self.post_many(request, data, **kwargs)
        if not isinstance(data, dict):
            raise BadRequest("The body must be an object, or a list of objects.")
        kwargs = self.remove_api_resource_names(kwargs)

        def work(changes):
            return self.create_one(request, data, changes, **kwargs)

        bundle = self.all_or_nothing(work, request, data)
        response = self.written(request, bundle, HttpCreated)
        location = self.get_resource_uri(bundle)
        if location:
            response["Location"] = location
        return response

    def create_one(self, request, data: dict, changes: Any, **kwargs) -> Bundle:
        data = self.alter_deserialized_detail_data(request, dict(data))
        return self.create_at(request, data, changes, **kwargs)

    def create_at(self, request, data: dict, changes: Any, **lookup) -> Bundle:
        """A new object, with the key that the address says."""
        bundle = self.build_bundle(data=dict(data), request=request)
        bundle.changes = changes
        self.authorize("create", bundle)
        bundle = self.obj_create(bundle, **lookup)
        changes.created(bundle)
        return bundle

    def post_many(self, request, items: list, **kwargs) -> HttpResponse:
        kwargs = self.remove_api_resource_names(kwargs)
        each_is_object(items)
        self.check_items(request, items)

        def work(changes):
            return [self.create_one(request, data, changes, **kwargs) for data in items]

        bundles = self.all_or_nothing(work, request)
        return self.written_list(request, {}, bundles, HttpCreated)

    @property
    def has_post_detail(self) -> bool:
        return type(self).post_detail is not Writes.post_detail

    def post_detail(self, request: HttpRequest, **kwargs) -> HttpResponse:
        """A new object under this one; for you to implement."""
        raise NotImplementedError

    # --- PUT ---

    def put_detail(self, request: HttpRequest, **kwargs) -> HttpResponse:
        """204, or 200 with the data; 201 where the object is new."""
        data = self.read_object(request)
        lookup = self.remove_api_resource_names(kwargs)

        def work(changes):
            expected = self.check_preconditions(request, **lookup)
            changed = self.alter_deserialized_detail_data(request, dict(data))
            return self.put_at(request, changed, changes, lookup, expected)

        bundle, is_new = self.all_or_nothing(work, request, data)
        self.forget(**lookup)
        if is_new:
            response = self.written(request, bundle, HttpCreated)
        else:
            response = self.written(request, bundle, HttpResponse, HttpNoContent)
        response["Location"] = self.get_resource_uri(bundle)
        return self.with_etag(request, response, **lookup)

    def put_list(self, request: HttpRequest, **kwargs) -> HttpResponse:
        """204, or 200 with the data: the list is now what was sent."""
        kwargs = self.remove_api_resource_names(kwargs)
        data = self.list_of(request, self._meta.collection_name)
        items = data[self._meta.collection_name]
        each_is_object(items)
        self.check_list_parameters(request)
        self.check_items(request, items)

        def work(changes):
            bundles = [self.put_one(request, each, changes, kwargs) for each in items]
            old = self.build_bundle(request=request)
            old.kept = [bundle.obj for bundle in bundles]
            old.changes = changes
            self.authorize("delete", old)
            self.obj_delete_list_for_update(bundle=old, **kwargs)
            return bundles

        bundles = self.all_or_nothing(work, request)
        return self.written_list(request, data, bundles, HttpResponse, HttpNoContent)

    def put_one(self, request, data: dict, changes: Any, kwargs: dict) -> Bundle:
        """One object of the new list: changed where it is there, created otherwise."""
        data = self.alter_deserialized_detail_data(request, dict(data))
        lookup = self.identity(data, request) | kwargs
        if lookup == kwargs:
            return self.create_at(request, data, changes, **lookup)
        try:
            return self.put_at(request, data, changes, lookup)[0]
        except MalformedKey as error:
            raise BadRequest("An object has a key that cannot be.") from error

    def put_at(
        self, request, data: dict, changes: Any, lookup: dict, expected: Any = None
    ) -> tuple[Bundle, bool]:
        """(the object at an address, whether it is new): changed or created."""
        bundle = self.build_bundle(data=dict(data), request=request)
        bundle.expected, bundle.changes = expected, changes
        try:
            self.remember(request, changes, **lookup)
            self.authorize_at("update", request, **lookup)
            return self.obj_update(bundle, **lookup), False
        except MalformedKey:
            raise
        except ABSENT:
            return self.create_at(request, data, changes, **lookup), True

    # --- PATCH ---

    def patch_detail(self, request: HttpRequest, **kwargs) -> HttpResponse:
        """202, or 404."""
        data = self.read_object(request)
        lookup = self.remove_api_resource_names(kwargs)

        def work(changes):
            expected = self.check_preconditions(request, **lookup)
            sent = self.alter_deserialized_detail_data(request, dict(data))
            return self.patch_at(request, sent, changes, lookup, expected)

        bundle = self.all_or_nothing(work, request, data)
        self.forget(**lookup)
        response = self.written(request, bundle, HttpAccepted)
        return self.with_etag(request, response, **lookup)

    def patch_list(self, request: HttpRequest, **kwargs) -> HttpResponse:
        """202: objects changed, created and deleted, all or nothing."""
        name = self._meta.collection_name
        deleted_name = f"deleted_{name}"
        data = self.read_object(request)
        if name not in data and deleted_name not in data:
            raise BadRequest(f"The body has neither {name!r} nor {deleted_name!r}.")
        data = self.alter_deserialized_list_data(request, data)
        items, deleted = data.get(name, []), data.get(deleted_name, [])
        each_is_object(items)
        if not isinstance(deleted, list) or not all(
            isinstance(uri, str) for uri in deleted
        ):
            raise BadRequest(f"{deleted_name!r} must be a list of URIs.")
        self.demand(request, "patch")
        if deleted:
            self.demand(request, "delete")
        self.check_items(request, items)

        def work(changes):
            bundles = [self.patch_one(request, each, changes, kwargs) for each in items]
            for uri in deleted:
                self.delete_one(request, uri, changes)
            return bundles

        bundles = self.all_or_nothing(work, request)
        return self.written_list(request, data, bundles, HttpAccepted)

    def patch_one(self, request, data: dict, changes: Any, kwargs: dict) -> Bundle:
        data = self.alter_deserialized_detail_data(request, dict(data))
        uri = data.pop("resource_uri", None)
        if uri is None:
            kwargs = self.remove_api_resource_names(kwargs)
            return self.create_at(request, data, changes, **kwargs)
        if not isinstance(uri, str):
            raise BadRequest("'resource_uri' must be a text.")
        lookup = self.kwargs_of_uri(uri, request)
        try:
            bundle = self.patch_at(request, data, changes, lookup)
        except MalformedKey as error:
            raise BadRequest(f"Nothing can be at {uri!r}.") from error
        except ABSENT:
            return self.create_at(request, data, changes, **lookup)
        self.forget(**lookup)
        return bundle

    def patch_at(
        self, request, data: dict, changes: Any, lookup: dict, expected: Any = None
    ) -> Bundle:
        """The object at an address, changed."""
        bundle = self.build_bundle(request=request)
        bundle.obj = self.obj_get(bundle=bundle, **lookup)
        bundle.expected, bundle.changes = expected, changes
        self.remember(request, changes, **lookup)
        return self.update_in_place(request, bundle, data)

    def delete_one(self, request, uri: str, changes: Any) -> None:
        lookup = self.kwargs_of_uri(uri, request)
        obj = self.obj_get(bundle=self.build_bundle(request=request), **lookup)
        bundle = self.build_bundle(obj=obj, request=request)
        changes.remember(obj)
        self.authorize("delete", bundle)
        self.obj_delete(bundle=bundle, **lookup)
        self.forget(**lookup)

    def demand(self, request: HttpRequest, method: str) -> None:
        """405 where a part of a PATCH on the list is not allowed on details."""
        if method in self._meta.detail_allowed_methods:
            return
        text = f"{method.upper()} is not allowed on details."
        response = self.error_response(
            request, {"error": text}, response_class=HttpMethodNotAllowed
        )
        allowed = self._meta.detail_allowed_methods
        response["Allow"] = ", ".join(each.upper() for each in allowed)
        raise ImmediateHttpResponse(response)

    # --- DELETE ---

    def delete_list(self, request: HttpRequest, **kwargs) -> HttpResponse:
        """204."""
        self.check_list_parameters(request)
        kwargs = self.remove_api_resource_names(kwargs)

        def work(changes):
            bundle = self.build_bundle(request=request)
            bundle.changes = changes
            self.authorize("delete", bundle)
            self.obj_delete_list(bundle=bundle, **kwargs)

        self.all_or_nothing(work, request)
        return HttpNoContent()

    def delete_detail(self, request: HttpRequest, **kwargs) -> HttpResponse:
        """204, or 404."""
        lookup = self.remove_api_resource_names(kwargs)

        def work(changes):
            expected = self.check_preconditions(request, **lookup)
            bundle = Bundle(request=request)
            bundle.expected = expected
            self.authorize_at("delete", request, **lookup)
            self.obj_delete(bundle=bundle, **lookup)

        self.all_or_nothing(work, request)
        self.forget(**lookup)
        return HttpNoContent()

    # --- responses to writes ---

    def written(
        self, request, bundle: Bundle, full: type, empty: type | None = None
    ) -> HttpResponse:
        """A response with the object's data where Meta.always_return_data says so."""
        if not self._meta.always_return_data:
            return without_body(empty or full)
        obj = self.as_stored(bundle.obj)
        shown = self.full_dehydrate(self.build_bundle(obj=obj, request=request))
        shown = self.alter_detail_data_to_serialize(request, shown)
        return self.create_response(request, shown, response_class=full)

    def written_list(
        self, request, data: Any, bundles: list, full: type, empty: type | None = None
    ) -> HttpResponse:
        if not self._meta.always_return_data:
            return without_body(empty or full)
        objects = [self.as_stored(bundle.obj) for bundle in bundles]
        shown = self.dehydrated(request, objects, ALL_OF_IT)
        found = {self._meta.collection_name: shown}
        found = self.alter_list_data_to_serialize(request, found)
        return self.create_response(request, found, response_class=full)

    def with_etag(self, request, response: HttpResponse, **lookup) -> HttpResponse:
        """With the new ETag, read again, for a client that works with them."""
        if wants_etag(request):
            obj = self.obj_get(bundle=self.build_bundle(request=request), **lookup)
            bundle = self.build_bundle(obj=obj, request=request)
            response["ETag"] = etag_of(self, self.full_dehydrate(bundle))
        return response

    def list_of(self, request: HttpRequest, name: str) -> dict[str, Any]:
        """The body's data: an object with a list by this name."""
        data = self.read_object(request)
        if name not in data:
            raise BadRequest(f"The body has no {name!r}.")
        return self.alter_deserialized_list_data(request, data)


def each_is_object(items: Any) -> None:
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise BadRequest("The objects must be a list of objects.")


def without_body(response_class: Any) -> HttpResponse:
    response = response_class()
    response.headers.pop("Content-Type", None)
    return response
