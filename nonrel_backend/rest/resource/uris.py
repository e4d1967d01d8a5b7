"""The addresses of a resource, and what an address leads to."""

import json
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.urls import (
    NoReverseMatch,
    Resolver404,
    get_script_prefix,
    get_urlconf,
    re_path,
    resolve,
    reverse,
)

from ..bundle import Bundle
from ..exceptions import BadRequest, NotFound
from ..utils import trailing_slash
from .part import Part

# Keys that stand in a path as they are.
PLAIN_KEY = re.compile(r"[\w-]+", re.ASCII)
NUMBER = re.compile(r"\d+", re.ASCII)
PLACEHOLDER = "k0k"


def in_address(key: Any) -> Any:
    """A key as an address has it: one of several columns is a JSON list."""
    if not isinstance(key, tuple):
        return key
    return json.dumps(key, default=str, ensure_ascii=False, separators=(",", ":"))


class Uris(Part):
    """What a resource's class adds to its addresses, and finds by them."""

    # --- the addresses that it answers ---

    def base_urls(self) -> list:
        """List, schema, set and detail."""
        name = rf"^(?P<resource_name>{re.escape(self._meta.resource_name)})"
        slash = trailing_slash()
        detail = self._meta.detail_uri_name
        return [
            re_path(
                rf"{name}{slash}$", self.wrap_view("dispatch_list"),
                name="api_dispatch_list",
            ),
            re_path(
                rf"{name}/schema{slash}$", self.wrap_view("get_schema"),
                name="api_get_schema",
            ),
            re_path(
                rf"{name}/set/(?P<{detail}_list>[\s\S]+?){slash}$",
                self.wrap_view("get_multiple"),
                name="api_get_multiple",
            ),
            re_path(
                rf"{name}/(?P<{detail}>[\s\S]+?){slash}$",
                self.wrap_view("dispatch_detail"),
                name="api_dispatch_detail",
            ),
        ]  # fmt: skip

    def override_urls(self) -> list:
        """The older name of prepend_urls()."""
        return []

    def prepend_urls(self) -> list:
        """Addresses of your own, tried before the others."""
        return []

    @property
    def urls(self) -> list:
        return [*self.prepend_urls(), *self.override_urls(), *self.base_urls()]

    # --- the address of an object ---

    def remove_api_resource_names(self, url_dict: dict[str, Any]) -> dict[str, Any]:
        """What an address says of the object alone."""
        return {
            name: value
            for name, value in url_dict.items()
            if name not in ("api_name", "resource_name")
        }

    def detail_uri_kwargs(self, bundle_or_obj: Any) -> dict[str, Any]:
        """What the address of an object is made of; for you to implement."""
        raise NotImplementedError(
            f"{type(self).__name__} has no detail_uri_kwargs(): return the key of the "
            "object, as {'pk': obj.uuid}."
        )

    def resource_uri_kwargs(self, bundle_or_obj: Any = None) -> dict[str, Any]:
        kwargs: dict[str, Any] = {"resource_name": self._meta.resource_name}
        if self._meta.api_name is not None:
            kwargs["api_name"] = self._meta.api_name
        if bundle_or_obj is not None:
            kwargs.update(self.detail_uri_kwargs(bundle_or_obj))
        return kwargs

    def get_bundle_detail_data(self, bundle: Any) -> Any:
        """The key of the object, None before it has one."""
        obj = bundle.obj if isinstance(bundle, Bundle) else bundle
        return getattr(obj, self._meta.detail_uri_name, None)

    def get_resource_uri(
        self, bundle_or_obj: Any = None, url_name: str = "api_dispatch_list"
    ) -> str:
        """The address of the list or of an object; empty where there is none."""
        if bundle_or_obj is not None:
            if self.has_plain_uris:
                return self.uri_of_key(self.get_bundle_detail_data(bundle_or_obj))
            url_name = "api_dispatch_detail"
        try:
            return self.reversed(url_name, self.resource_uri_kwargs(bundle_or_obj))
        except NoReverseMatch:
            return ""

    def reversed(self, url_name: str, kwargs: dict[str, Any]) -> str:
        return reverse(url_name, kwargs=kwargs)

    # Whether addresses are made of the key alone, as here, so that they need not be
    # reversed one by one.
    has_plain_uris = False

    def uri_of_key(self, key: Any) -> str:
        """The address of the object with this key."""
        if key is None or key == "":
            return ""
        text = str(in_address(key))
        if self.has_plain_uris and PLAIN_KEY.fullmatch(text):
            parts = self.uri_parts()
            return f"{parts[0]}{text}{parts[1]}" if parts else ""
        kwargs = self.resource_uri_kwargs()
        kwargs[self._meta.detail_uri_name] = text
        try:
            return self.reversed("api_dispatch_detail", kwargs)
        except NoReverseMatch:
            return ""

    def uri_parts(self) -> tuple[str, str] | None:
        """What is before and after the key; None where nothing can be reversed."""
        place = (get_urlconf() or settings.ROOT_URLCONF, get_script_prefix())
        known = self.__dict__.setdefault("_uri_parts", {})
        known_place = (*place, self._meta.api_name)
        if known_place not in known:
            kwargs = self.resource_uri_kwargs()
            kwargs[self._meta.detail_uri_name] = PLACEHOLDER
            try:
                uri = self.reversed("api_dispatch_detail", kwargs)
            except NoReverseMatch:
                return None
            before, _, rest = uri.rpartition(PLACEHOLDER)
            known[known_place] = (before, rest)
        return known[known_place]

    # --- the object at an address ---

    def kwargs_of_uri(self, uri: str, request: Any = None) -> dict[str, Any]:
        """What an address says of an object of this resource; BadRequest for others."""
        key = self.number_in(uri)
        if key is not None:
            return {self._meta.detail_uri_name: key}
        try:
            parts = urlsplit(uri)
        except ValueError as error:
            raise BadRequest(f"{uri!r} is no URI.") from error
        prefix = get_script_prefix().rstrip("/")
        path = unquote(parts.path)
        foreign = parts.netloc and (
            request is None or parts.netloc != request.get_host()
        )
        if foreign or not path.startswith(f"{prefix}/"):
            raise BadRequest(f"The URI {uri!r} is none of this resource's.")
        try:
            match = resolve(path.removeprefix(prefix), get_urlconf())
        except Resolver404 as error:
            raise BadRequest(f"The URI {uri!r} leads nowhere.") from error
        kwargs = match.kwargs
        api_name = self._meta.api_name
        lookup = self.remove_api_resource_names(kwargs)
        if (
            not lookup  # which would be any object
            or match.url_name == "api_get_multiple"
            or kwargs.get("resource_name") != self._meta.resource_name
            or (api_name is not None and kwargs.get("api_name", api_name) != api_name)
        ):
            raise BadRequest(f"The URI {uri!r} is of no object of this resource.")
        return lookup

    def number_in(self, uri: str) -> str | None:
        """The key of an address, where it is a number and nothing need be resolved."""
        parts = self.uri_parts() if self.has_plain_uris else None
        if parts is None:
            return None
        key = uri[len(parts[0]) : len(uri) - len(parts[1])]
        plain = NUMBER.fullmatch(key) and uri == f"{parts[0]}{key}{parts[1]}"
        return key if plain else None

    def get_via_uri(self, uri: str, request: Any = None) -> Any:
        """The object at an address; NotFound where there is none."""
        kwargs = self.kwargs_of_uri(uri, request)
        bundle = self.build_bundle(request=request)
        try:
            return self.obj_get(bundle=bundle, **kwargs)
        except ObjectDoesNotExist as error:
            raise NotFound(f"There is nothing at {uri!r}.") from error
