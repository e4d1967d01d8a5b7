"""Addresses: the URIs of views, also of those below a URL namespace."""

from collections.abc import Iterator
from typing import Any

from django.urls import NoReverseMatch, get_resolver, get_urlconf, reverse


def address(view: str, kwargs: dict[str, Any], namespace: str | None = None) -> str:
    """Return the URI of a view by name; empty if there is none.

    If the project includes the Api in a namespace, it is the one given, or the first
    that has the view.
    """
    if namespace is not None:
        names = [f"{namespace}:{view}"]
    else:
        names = [view, *(f"{each}:{view}" for each in namespaces())]
    for name in names:
        try:
            return reverse(name, kwargs=kwargs)
        except NoReverseMatch:
            continue
    return ""


def namespaces(resolver: Any = None, above: str = "") -> Iterator[str]:
    """Yield the URL namespaces of the project, such as "api" and "site:api"."""
    resolver = get_resolver(get_urlconf()) if resolver is None else resolver
    for name, (_, below) in resolver.namespace_dict.items():
        yield f"{above}{name}"
        yield from namespaces(below, f"{above}{name}:")
