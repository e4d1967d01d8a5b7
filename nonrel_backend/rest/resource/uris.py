"""Uris: the URIs of a resource's objects, and the objects that URIs lead to."""

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import (
    Resolver404,
    get_script_prefix,
    get_urlconf,
    re_path,
    resolve,
)
from django.utils.functional import cached_property
from django.utils.translation import gettext

from ..exceptions import BadRequest
from ..utils.urls import trailing_slash
from .addresses import address

if TYPE_CHECKING:
    from .resource import Resource

# Keys that need no quoting in a path.
PLAIN_KEY = re.compile(r"[\w-]+", re.ASCII)
NUMBER = re.compile(r"\d+", re.ASCII)
PLACEHOLDER = "k0k"
# The name of the URLs of nested lists.
NESTED = "api_dispatch_nested"
# Clients remove these from paths, or another view is at the address.
UNREACHABLE = (".", "..", "schema")


def is_unreachable(key: Any) -> bool:
    """Return whether no URI can lead to an object with this key."""
    return key in UNREACHABLE or str(key).startswith("set/")


def key_in_uri(key: Any) -> Any:
    """Return a key as URIs have it: a composite key is a JSON list."""
    if not isinstance(key, tuple):
        return key
    return json.dumps(key, default=str, ensure_ascii=False, separators=(",", ":"))


class Uris:
    """The URIs of a resource."""

    def __init__(self, resource: "Resource") -> None:
        self.resource = resource
        # What is before and after the key, by URLconf, script prefix and Api.
        self.known_parts: dict[tuple[Any, ...], tuple[str, str]] = {}

    @cached_property
    def are_plain(self) -> bool:
        """Whether a URI is made of the key alone, so that it need not be reversed for
        each object.
        """
        return False

    @property
    def prefix(self) -> str:
        """The beginning of the resource's URL patterns."""
        name = re.escape(str(self.resource._meta.resource_name))
        return f"^(?P<resource_name>{name})"

    def patterns(self) -> list[Any]:
        """Return the URL patterns of the list, the schema, sets and details."""
        meta, wrap = self.resource._meta, self.resource.wrap_view
        name = self.prefix
        slash, detail = trailing_slash(), meta.detail_uri_name
        return [
            re_path(
                rf"{name}{slash}$", wrap("dispatch_list"), name="api_dispatch_list"
            ),
            re_path(
                rf"{name}/schema{slash}$", wrap("get_schema"), name="api_get_schema"
            ),
            re_path(
                rf"{name}/set/(?P<{detail}_list>[\s\S]+?){slash}$",
                wrap("get_multiple"),
                name="api_get_multiple",
            ),
            re_path(
                rf"{name}/(?P<{detail}>[\s\S]+?){slash}$",
                wrap("dispatch_detail"),
                name="api_dispatch_detail",
            ),
        ]

    # --- from a key to a URI ---

    def of_key(self, key: Any) -> str:
        """Return the URI of the object with this key; empty if there is none."""
        if key is None or key == "":
            return ""
        text = str(key_in_uri(key))
        if is_unreachable(text):
            return ""
        if self.are_plain and PLAIN_KEY.fullmatch(text):
            parts = self.parts()
            return f"{parts[0]}{text}{parts[1]}" if parts else ""
        kwargs = self.resource.resource_uri_kwargs()
        kwargs[self.resource._meta.detail_uri_name] = text
        return self.address(kwargs)

    def address(self, kwargs: dict[str, Any]) -> str:
        """Return the URI of an object by the arguments of its URL."""
        namespace = self.resource._meta.urlconf_namespace
        return address("api_dispatch_detail", kwargs, namespace)

    def parts(self) -> tuple[str, str] | None:
        """Return what is before and after the key in a URI; None if the resource is not
        in the URLconf.
        """
        meta = self.resource._meta
        place = (
            get_urlconf() or settings.ROOT_URLCONF, get_script_prefix(), meta.api_name
        )  # fmt: skip
        if place not in self.known_parts:
            kwargs = self.resource.resource_uri_kwargs()
            kwargs[meta.detail_uri_name] = PLACEHOLDER
            uri = self.address(kwargs)
            if not uri:
                return None
            before, _, rest = uri.rpartition(PLACEHOLDER)
            self.known_parts[place] = (before, rest)
        return self.known_parts[place]

    # --- from a URI to a key ---

    def kwargs_of(self, uri: str, request: HttpRequest | None = None) -> dict[str, Any]:
        """Return the arguments of a URI of one of the resource's objects, such as
        {"pk": "1"}. Raise BadRequest for any other URI.
        """
        meta = self.resource._meta
        key = self.number_in(uri)
        if key is not None:
            return {meta.detail_uri_name: key}
        try:
            parts = urlsplit(uri)
        except ValueError as error:
            raise BadRequest(gettext("%(uri)r is not a URI.") % {"uri": uri}) from error
        prefix = get_script_prefix().rstrip("/")
        path = unquote(parts.path)
        foreign = parts.netloc and (
            request is None or parts.netloc != request.get_host()
        )
        if foreign or not path.startswith(f"{prefix}/"):
            raise BadRequest(
                gettext("The URI %(uri)r does not belong to this resource.")
                % {"uri": uri}
            )
        try:
            match = resolve(path.removeprefix(prefix), get_urlconf())
        except Resolver404 as error:
            raise BadRequest(
                gettext("The URI %(uri)r does not exist.") % {"uri": uri}
            ) from error
        kwargs, api_name = match.kwargs, meta.api_name
        lookup = self.resource.remove_api_resource_names(kwargs)
        if (
            not lookup  # which would be any object
            or match.url_name in ("api_get_multiple", NESTED)
            or kwargs.get("resource_name") != meta.resource_name
            or (api_name is not None and kwargs.get("api_name", api_name) != api_name)
        ):
            raise BadRequest(
                gettext("The URI %(uri)r is not of an object of this resource.")
                % {"uri": uri}
            )
        return lookup

    def number_in(self, uri: str) -> str | None:
        """Return the key of a URI if it is a number, without resolving the URI."""
        parts = self.parts() if self.are_plain else None
        if parts is None:
            return None
        key = uri[len(parts[0]) : len(uri) - len(parts[1])]
        plain = NUMBER.fullmatch(key) and uri == f"{parts[0]}{key}{parts[1]}"
        return key if plain else None

    def identity(
        self, data: dict[str, Any], request: HttpRequest | None
    ) -> dict[str, Any]:
        """Remove the URI from the data, and return the arguments of the URI or of the
        key in the data; empty if there is neither.
        """
        uri = data.pop("resource_uri", None)
        if uri is not None:
            if not isinstance(uri, str):
                raise BadRequest(gettext("'resource_uri' must be a string."))
            return self.kwargs_of(uri, request)
        name = self.resource._meta.detail_uri_name
        return {name: data[name]} if isinstance(data.get(name), str | int) else {}
