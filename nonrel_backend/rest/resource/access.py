"""Where the objects are: what you implement, what the user may do, the cache."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from ..authorization import Authorization
from ..bundle import Bundle
from ..cache import NoCache
from ..exceptions import BadRequest, ImmediateHttpResponse, Unauthorized
from .endpoint import parameters
from .part import Part
from .undo import Changes


class Access(Part):
    """The methods of the data. Those that raise NotImplementedError are yours."""

    # Whether the nine methods ask the authorization themselves.
    authorizes_itself = False

    # --- yours ---

    def get_object_list(self, request: HttpRequest) -> Any:
        """All objects."""
        raise NotImplementedError

    def obj_get_list(self, bundle: Bundle, **kwargs) -> Any:
        """The objects that the request's filters leave."""
        raise NotImplementedError

    def obj_get(self, bundle: Bundle, **kwargs) -> Any:
        """One object; NotFound where there is none."""
        raise NotImplementedError

    def obj_create(self, bundle: Bundle, **kwargs) -> Bundle:
        """Store a new object of the bundle's data."""
        raise NotImplementedError

    def obj_update(self, bundle: Bundle, **kwargs) -> Bundle:
        """Store the bundle's data in an object that is there, or NotFound."""
        raise NotImplementedError

    def obj_delete_list(self, bundle: Bundle, **kwargs) -> None:
        """Delete the objects that the request's filters leave."""
        raise NotImplementedError

    def obj_delete(self, bundle: Bundle, **kwargs) -> None:
        """Delete one object; NotFound where there is none."""
        raise NotImplementedError

    def rollback(self, bundles: list[Bundle]) -> None:
        """Delete what these bundles have created."""
        raise NotImplementedError

    # --- hooks with a default ---

    def obj_delete_list_for_update(self, bundle: Bundle, **kwargs) -> None:
        """Delete what a PUT on the list replaces: all but what the bundle has kept."""
        kept = [self.detail_uri_kwargs(obj) for obj in bundle.kept]
        for obj in list(self.obj_get_list(bundle=bundle, **kwargs)):
            lookup = self.detail_uri_kwargs(obj)
            if lookup not in kept:
                bundle.changes.remember(obj)
                self.obj_delete(bundle=bundle, **lookup)

    def build_filters(self, filters: Any = None) -> dict[str, Any]:
        """The filters of the store, of those of the request."""
        return {}

    def apply_filters(self, request: HttpRequest, applicable_filters: Any) -> Any:
        """The objects that these filters leave."""
        raise NotImplementedError

    def apply_sorting(self, obj_list: Any, options: Any = None) -> Any:
        """The objects in the order that `options["order_by"]` asks for."""
        return obj_list

    def load_related(self, objects: list, for_list: bool, asked: Any) -> list:
        """Load at once what the fields of these objects are about to read."""
        return objects

    def as_stored(self, obj: Any) -> Any:
        """An object that was just written, as the store has it now."""
        return obj

    def identity(self, data: dict[str, Any], request: Any) -> dict[str, Any]:
        """What the data says of the key of its object; empty for nothing."""
        uri = data.pop("resource_uri", None)
        if uri is not None:
            if not isinstance(uri, str):
                raise BadRequest("'resource_uri' must be a text.")
            return self.kwargs_of_uri(uri, request)
        name = self._meta.detail_uri_name
        return {name: data[name]} if isinstance(data.get(name), str | int) else {}

    def check_list_parameters(self, request: HttpRequest) -> None:
        """400 for a parameter that no filter is of: it must not write to all."""

    def update_in_place(
        self, request: HttpRequest, original_bundle: Bundle, new_data: dict[str, Any]
    ) -> Bundle:
        """A PATCH of one object: what is sent, over what is there."""
        obj = original_bundle.obj
        shown = self.full_dehydrate(Bundle(obj=obj, request=request)).data
        original_bundle.data = self.merged(shown, new_data)
        self.authorize("update", original_bundle)
        return self.obj_update(
            bundle=original_bundle,
            **self.detail_uri_kwargs(obj),
        )

    # --- all or nothing ---

    def all_or_nothing(
        self,
        work: Callable[[Changes], Any],
        request: Any,
        data: dict[str, Any] | None = None,
    ) -> Any:
        """`work(changes)`; where it fails, what it wrote is undone. `data` is what is
        written to one object, where it is one.
        """
        changes = Changes(self, keeps=not self.is_one_write(request, data))
        try:
            return work(changes)
        except Exception:
            changes.undo()
            raise

    def is_one_write(self, request: Any, data: dict[str, Any] | None) -> bool:
        """Whether one command of the store writes all, so that nothing is to undo."""
        return data is not None

    def check_items(self, request: Any, items: list[dict[str, Any]]) -> None:
        """400 before anything is written, where a store has no transactions."""
        for data in items:
            data = self.alter_deserialized_detail_data(request, dict(data))
            bundle = self.build_bundle(data=data, request=request)
            if "resource_uri" in data:
                bundle.is_new, bundle.sent = False, set(data)
                bundle.shown = dict(data)
            self.full_hydrate(bundle)

    def remember(self, request: Any, changes: Changes, **lookup) -> None:
        """Keep an object as it is before it is changed, where it must be."""
        if not changes.keeps:
            return
        bundle = self.build_bundle(request=request)
        changes.remember(self.obj_get(bundle=bundle, **lookup))

    def image(self, obj: Any) -> Any:
        """What restore() makes of an object, taken before it is changed."""
        return obj

    def restore(self, obj: Any) -> None:
        """Store an object as it was."""
        data = self.full_dehydrate(Bundle(obj=obj)).data
        bundle = self.build_bundle(data=data)
        self.obj_create(bundle, **self.detail_uri_kwargs(obj))

    # --- authorization ---

    def apply_authorization_limits(self, request: HttpRequest, object_list: Any) -> Any:
        """The objects that an authorization of the older kind leaves."""
        limits = getattr(self._meta.authorization, "apply_limits", None)
        return object_list if limits is None else limits(request, object_list)

    def authorize(self, action: str, bundle: Bundle) -> None:
        """Ask the authorization for a resource whose methods do not."""
        if not self.authorizes_itself:
            self.authorized_detail(action, [], bundle)

    def authorize_at(self, action: str, request: HttpRequest, **lookup) -> None:
        """The same about the object at an address, which may not be there."""
        if not (self.authorizes_itself or self.allows_all(action)):
            bundle = self.build_bundle(request=request)
            bundle.obj = self.obj_get(bundle=bundle, **lookup)
            self.authorize(action, bundle)

    def allows_all(self, action: str) -> bool:
        """Whether the authorization lets everyone do it to any object, unasked."""
        kind, known = type(self._meta.authorization), self.__dict__
        known = known.setdefault("_allows_all", {})
        if (kind, action) not in known:
            name = f"{action}_detail"
            methods = (
                f"authorized_{name}", "authorized_detail", "apply_authorization_limits"
            )  # fmt: skip
            known[kind, action] = (
                getattr(kind, name, None) is getattr(Authorization, name)
                and not hasattr(kind, "apply_limits")
                and all(getattr(type(self), m) is getattr(Access, m) for m in methods)
            )
        return known[kind, action]

    def authorized_list(self, action: str, object_list: Any, bundle: Bundle) -> Any:
        try:
            method = getattr(self._meta.authorization, f"{action}_list", None)
            return object_list if method is None else method(object_list, bundle)
        except Unauthorized as error:
            self.unauthorized_result(error)

    def authorized_detail(self, action: str, object_list: Any, bundle: Bundle) -> bool:
        try:
            method = getattr(self._meta.authorization, f"{action}_detail", None)
            if method is not None and method(object_list, bundle) is not True:
                raise Unauthorized(f"You are not allowed to {action} that resource.")
        except Unauthorized as error:
            self.unauthorized_result(error)
        return True

    def authorized_read_list(self, object_list: Any, bundle: Bundle) -> Any:
        return self.authorized_list("read", object_list, bundle)

    def authorized_read_detail(self, object_list: Any, bundle: Bundle) -> bool:
        return self.authorized_detail("read", object_list, bundle)

    def authorized_create_detail(self, object_list: Any, bundle: Bundle) -> bool:
        return self.authorized_detail("create", object_list, bundle)

    def authorized_update_detail(self, object_list: Any, bundle: Bundle) -> bool:
        return self.authorized_detail("update", object_list, bundle)

    def authorized_delete_list(self, object_list: Any, bundle: Bundle) -> Any:
        return self.authorized_list("delete", object_list, bundle)

    def authorized_delete_detail(self, object_list: Any, bundle: Bundle) -> bool:
        return self.authorized_detail("delete", object_list, bundle)

    def can_create(self) -> bool:
        """Whether related data may create objects here: `post` is allowed."""
        return "post" in self._meta.list_allowed_methods

    def can_update(self) -> bool:
        """Whether related data may change objects here: `put` or `patch` is allowed."""
        allowed = self._meta.detail_allowed_methods
        return "put" in allowed or "patch" in allowed

    def can_delete(self) -> bool:
        """Whether related data may delete objects here: `delete` is allowed."""
        return "delete" in self._meta.detail_allowed_methods

    # --- validation ---

    def is_valid(self, bundle: Bundle) -> bool:
        """Whether Meta.validation takes the data; the errors are the bundle's."""
        errors = self._meta.validation.is_valid(bundle, bundle.request)
        if errors:
            bundle.errors[self._meta.resource_name] = errors
        return not errors

    def check_valid(self, bundle: Bundle) -> None:
        """400 with the errors, where there are any."""
        if not self.is_valid(bundle):
            raise ImmediateHttpResponse(
                self.error_response(bundle.request, bundle.errors)
            )

    # --- the cache ---

    def generate_cache_key(self, *args, **kwargs) -> str:
        """A key of what is asked for, and of the resource."""
        smooshed = [f"{name}={value}" for name, value in sorted(kwargs.items())]
        content = repr((args, smooshed)).encode(errors="backslashreplace")
        name = f"{self._meta.api_name}:{self._meta.resource_name}"
        return f"{name}:{hashlib.sha256(content).hexdigest()[:40]}"

    def cached_obj_get(self, bundle: Bundle, **kwargs) -> Any:
        """obj_get() through the cache; what the user may see is asked every time."""
        if type(self._meta.cache) is NoCache:
            return self.obj_get(bundle=bundle, **kwargs)
        key = self.generate_cache_key("detail", **kwargs)
        obj = self._meta.cache.get(key)
        if obj is None:
            obj = self.obj_get(bundle=bundle, **kwargs)
            self._meta.cache.set(key, obj)
        elif self.authorizes_itself:
            bundle.obj = obj
            self.authorized_read_detail(self.get_object_list(bundle.request), bundle)
        return obj

    def cached_obj_get_list(self, bundle: Bundle, **kwargs) -> Any:
        """obj_get_list() through the cache, for one user's parameters."""
        asked = parameters(bundle.request).urlencode()
        user = getattr(getattr(bundle.request, "user", None), "pk", None)
        key = self.generate_cache_key("list", asked, str(user), **kwargs)
        objects = self._meta.cache.get(key)
        if objects is None:
            objects = self.obj_get_list(bundle=bundle, **kwargs)
            self._meta.cache.set(key, objects)
        return objects

    def forget(self, **kwargs) -> None:
        """Have the cache forget an object that was written."""
        if type(self._meta.cache) is not NoCache:
            self._meta.cache.delete(self.generate_cache_key("detail", **kwargs))
