"""Access: how a resource reaches its objects, and what the user may do with them."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.crypto import get_random_string
from django.utils.translation import gettext

from ..authorization import Authorization
from ..bundle import Bundle
from ..cache import NoCache
from ..exceptions import ImmediateHttpResponse, Unauthorized
from .dispatch import Dispatch
from .endpoint import parameters

# How long a cache remembers the generation of its objects: longer than the objects.
GENERATION_SECONDS = 30 * 24 * 3600
# The methods through which each authorization is asked.
ASKING_ALWAYS = ("authorized_detail", "apply_authorization_limits")
# The methods of an authorization that allows everything.
OPEN = {name: method for name, method in vars(Authorization).items() if "_" in name}


class Access(Dispatch):
    """The data, the authorization, the validation and the cache of a resource.

    A subclass implements the methods that raise NotImplementedError.
    """

    # Whether the methods of the data ask the authorization themselves.
    authorizes_itself = False

    # --- the data: for a subclass to implement ---

    def detail_uri_kwargs(self, bundle_or_obj: Any) -> dict[str, Any]:
        """Return the arguments of the URI of an object, such as {"pk": 1}."""
        raise NotImplementedError(
            f"{type(self).__name__} has no detail_uri_kwargs(): return the key of the "
            "object, such as {'pk': obj.uuid}."
        )

    def get_object_list(self, request: HttpRequest) -> Any:
        """Return all objects."""
        raise NotImplementedError

    def obj_get_list(self, bundle: Bundle, **kwargs: Any) -> Any:
        """Return the objects that match the filters of the request."""
        raise NotImplementedError

    def obj_get(self, bundle: Bundle, **kwargs: Any) -> Any:
        """Return one object. Raise NotFound if there is none."""
        raise NotImplementedError

    def obj_create(self, bundle: Bundle, **kwargs: Any) -> Bundle:
        """Store a new object with the bundle's data."""
        raise NotImplementedError

    def obj_update(self, bundle: Bundle, **kwargs: Any) -> Bundle:
        """Store the bundle's data in an existing object. Raise NotFound if there is
        none.
        """
        raise NotImplementedError

    def obj_delete_list(self, bundle: Bundle, **kwargs: Any) -> None:
        """Delete the objects that match the filters of the request."""
        raise NotImplementedError

    def obj_delete(self, bundle: Bundle, **kwargs: Any) -> None:
        """Delete one object. Raise NotFound if there is none."""
        raise NotImplementedError

    def rollback(self, bundles: list[Bundle]) -> None:
        """Delete the objects that these bundles created."""
        raise NotImplementedError

    # --- the data: hooks with a default ---

    def build_bundle(
        self,
        obj: Any = None,
        data: dict[str, Any] | None = None,
        request: HttpRequest | None = None,
        objects_saved: set[Any] | None = None,
        via_uri: bool = False,
    ) -> Bundle:
        """Return a bundle. Without an object it is of a new, empty one."""
        bundle = Bundle(
            obj=obj,
            data=data,
            request=request,
            objects_saved=objects_saved,
            via_uri=via_uri,
        )
        bundle.make = self._meta.object_class
        return bundle

    def obj_delete_list_for_update(self, bundle: Bundle, **kwargs: Any) -> None:
        """Delete what a PUT on the list replaces: all objects but `bundle.stored`."""
        stored = [self.detail_uri_kwargs(obj) for obj in bundle.stored]
        for obj in list(self.obj_get_list(bundle=bundle, **kwargs)):
            lookup = self.detail_uri_kwargs(obj)
            if lookup not in stored:
                if bundle.changes is not None:
                    bundle.changes.remember(obj)
                self.obj_delete(bundle=bundle, **lookup)

    def build_filters(
        self, filters: Any = None, ignore_bad_filters: bool = False
    ) -> Any:
        """Return the store's filters for the parameters of the request. Leave out
        those that are not allowed if `ignore_bad_filters` is set.
        """
        return {}

    def apply_filters(self, request: HttpRequest, applicable_filters: Any) -> Any:
        """Return the objects that match these filters."""
        raise NotImplementedError

    def apply_sorting(self, obj_list: Any, options: Any = None) -> Any:
        """Return the objects in the order of `options["order_by"]`."""
        return obj_list

    # --- the authorization ---

    def apply_authorization_limits(self, request: HttpRequest, object_list: Any) -> Any:
        """Return the objects that an authorization with apply_limits(), the older
        interface, allows.
        """
        limits = getattr(self._meta.authorization, "apply_limits", None)
        return object_list if limits is None else limits(request, object_list)

    def authorize(self, action: str, bundle: Bundle) -> None:
        """Ask the authorization, unless the resource's methods do so."""
        if not self.authorizes_itself:
            self.authorized_detail(action, [], bundle)

    def authorize_at(self, action: str, request: HttpRequest, **lookup: Any) -> None:
        """Ask the same about the object at an address. Raise NotFound if it is
        absent.
        """
        if not (self.authorizes_itself or self.allows_all(action)):
            bundle = self.build_bundle(request=request)
            bundle.obj = self.obj_get(bundle=bundle, **lookup)
            self.authorize(action, bundle)

    def allows_all(self, action: str) -> bool:
        """Return whether the authorization allows the action to everyone, on every
        object, so that it need not be asked.
        """
        authorization, name = self._meta.authorization, f"{action}_detail"
        if not is_method(authorization, name, OPEN[name]):
            return False
        if hasattr(authorization, "apply_limits"):
            return False
        for each in (f"authorized_{name}", *ASKING_ALWAYS):
            if not is_method(self, each, ASKING[each]):
                return False
        return True

    def authorized_list(self, action: str, object_list: Any, bundle: Bundle) -> Any:
        """Return the objects that the authorization allows the action on."""
        try:
            method = getattr(self._meta.authorization, f"{action}_list", None)
            return object_list if method is None else method(object_list, bundle)
        except Unauthorized as error:
            self.unauthorized_result(error)

    def authorized_detail(self, action: str, object_list: Any, bundle: Bundle) -> bool:
        """Return True if the authorization allows the action on the bundle's object.
        Raise Unauthorized if not.
        """
        try:
            method = getattr(self._meta.authorization, f"{action}_detail", None)
            if method is not None and method(object_list, bundle) is not True:
                raise Unauthorized(
                    gettext("You are not allowed to %(action)s that resource.")
                    % {"action": action}
                )
        except Unauthorized as error:
            self.unauthorized_result(error)
        return True

    def authorized_read_list(self, object_list: Any, bundle: Bundle) -> Any:
        """Return the objects that the user may read."""
        return self.authorized_list("read", object_list, bundle)

    def check_readable(self, request: HttpRequest) -> None:
        """Raise Unauthorized if the user may read no list of the resource."""
        objects = self.get_object_list(request) if self.authorizes_itself else []
        self.authorized_read_list(objects, self.build_bundle(request=request))

    def authorized_read_detail(self, object_list: Any, bundle: Bundle) -> bool:
        """Return True if the user may read the object, or raise Unauthorized."""
        return self.authorized_detail("read", object_list, bundle)

    def authorized_create_detail(self, object_list: Any, bundle: Bundle) -> bool:
        """Return True if the user may create the object, or raise Unauthorized."""
        return self.authorized_detail("create", object_list, bundle)

    def authorized_create_list(self, object_list: Any, bundle: Bundle) -> Any:
        """Return the objects that the user may create."""
        return self.authorized_list("create", object_list, bundle)

    def authorized_update_list(self, object_list: Any, bundle: Bundle) -> Any:
        """Return the objects that the user may change."""
        return self.authorized_list("update", object_list, bundle)

    def authorized_update_detail(self, object_list: Any, bundle: Bundle) -> bool:
        """Return True if the user may change the object, or raise Unauthorized."""
        return self.authorized_detail("update", object_list, bundle)

    def authorized_delete_list(self, object_list: Any, bundle: Bundle) -> Any:
        """Return the objects that the user may delete."""
        return self.authorized_list("delete", object_list, bundle)

    def authorized_delete_detail(self, object_list: Any, bundle: Bundle) -> bool:
        """Return True if the user may delete the object, or raise Unauthorized."""
        return self.authorized_detail("delete", object_list, bundle)

    def can_create(self) -> bool:
        """Return whether related data may create objects: `post` is allowed."""
        return "post" in self._meta.list_allowed_methods

    def can_update(self) -> bool:
        """Return whether related data may change objects: `put` or `patch` is
        allowed.
        """
        allowed = self._meta.detail_allowed_methods
        return "put" in allowed or "patch" in allowed

    def can_delete(self) -> bool:
        """Return whether related data may delete objects: `delete` is allowed."""
        return "delete" in self._meta.detail_allowed_methods

    # --- the validation ---

    def is_valid(self, bundle: Bundle) -> bool:
        """Return whether Meta.validation accepts the data. Store the errors in the
        bundle.
        """
        errors = self._meta.validation.is_valid(bundle, bundle.request)
        if errors:
            bundle.errors[self._meta.resource_name] = errors
        return not errors

    def check_valid(self, bundle: Bundle) -> None:
        """Raise ImmediateHttpResponse with 400 if the data is invalid."""
        if not self.is_valid(bundle):
            raise ImmediateHttpResponse(
                self.error_response(bundle.request, bundle.errors)
            )

    # --- the cache ---

    def generate_cache_key(self, *args: Any, **kwargs: Any) -> str:
        """Return the cache key of the resource and these arguments."""
        smooshed = [f"{name}={value}" for name, value in sorted(kwargs.items())]
        content = repr((args, smooshed)).encode(errors="backslashreplace")
        name = f"{self._meta.api_name}:{self._meta.resource_name}"
        return f"{name}:{hashlib.sha256(content).hexdigest()[:40]}"

    def cached_obj_get(self, bundle: Bundle, **kwargs: Any) -> Any:
        """Return obj_get() through the cache. The authorization is asked each time."""
        if type(self._meta.cache) is NoCache:
            return self.obj_get(bundle=bundle, **kwargs)
        key = self.detail_cache_key(bundle.request, kwargs)
        obj = self._meta.cache.get(key)
        if obj is None:
            obj = self.obj_get(bundle=bundle, **kwargs)
            self._meta.cache.set(key, obj)
        elif self.authorizes_itself:
            bundle.obj = obj
            self.authorized_read_detail(self.get_object_list(bundle.request), bundle)
        return obj

    def cached_obj_get_list(self, bundle: Bundle, **kwargs: Any) -> Any:
        """Return obj_get_list() through the cache, by user and parameters."""
        given = parameters(bundle.request).urlencode()
        user = getattr(getattr(bundle.request, "user", None), "pk", None)
        key = self.generate_cache_key("list", given, str(user), **kwargs)
        objects = self._meta.cache.get(key)
        if objects is None:
            objects = self.obj_get_list(bundle=bundle, **kwargs)
            self._meta.cache.set(key, objects)
        return objects

    def detail_cache_key(self, request: HttpRequest, kwargs: dict[str, Any]) -> str:
        """Return the cache key of an object. It changes with the generation, which
        forget_all() replaces, and is the same for all ways to write the object's key.
        """
        cache = self._meta.cache
        generation_key = self.generate_cache_key("generation")
        generation = cache.get(generation_key)
        if generation is None:
            generation = get_random_string(12)
            cache.set(generation_key, generation, GENERATION_SECONDS)
        lookup = self.canonical_lookup(request, kwargs)
        return self.generate_cache_key("detail", generation, **lookup)

    def canonical_lookup(
        self, request: HttpRequest, kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the arguments of a URI in one form for each object."""
        return kwargs

    def forget(self, request: HttpRequest, **kwargs: Any) -> None:
        """Delete an object that was written from the cache."""
        if type(self._meta.cache) is not NoCache:
            key = self.detail_cache_key(request, kwargs)
            self.after_commit(lambda: self._meta.cache.delete(key))

    def forget_all(self) -> None:
        """Delete all objects from the cache, since many were written."""
        if type(self._meta.cache) is not NoCache:
            key = self.generate_cache_key("generation")
            self.after_commit(lambda: self._meta.cache.delete(key))

    def after_commit(self, work: Callable[[], Any]) -> None:
        """Do this now and, in a transaction, again when it is committed."""
        work()


def is_method(thing: Any, name: str, method: Any) -> bool:
    """Return whether a method of an object is this function, and nothing has its
    place.
    """
    return getattr(type(thing), name, None) is method and name not in vars(thing)


# The methods as they are here, so that one that a test replaces is asked.
ASKING = {name: method for name, method in vars(Access).items() if "authoriz" in name}
