"""Projection: ?fields=a,b.c shows a part of the data."""

from typing import TYPE_CHECKING, Any, NamedTuple

from django.http import HttpRequest
from django.utils.translation import gettext

from ..bundle import Bundle
from ..exceptions import BadRequest
from ..resource.endpoint import parameters

if TYPE_CHECKING:
    from ..resource.resource import Resource


class Projection(NamedTuple):
    """The requested part of the data.

    `tree` has the requested names; it is None for all. `names` are the fields to
    dehydrate; it is None if hooks may need all of them.
    """

    tree: dict[str, Any] | None = None
    names: set[str] | None = None


ALL_FIELDS = Projection()


def requested_fields(resource: "Resource", request: HttpRequest) -> Projection:
    """Return what ?fields= requests. Raise BadRequest for an unknown name."""
    text = ",".join(parameters(request).getlist("fields"))
    if not text.strip(",") or "fields" in resource.fields:
        return ALL_FIELDS
    tree: dict[str, Any] = {}
    for path in filter(None, map(str.strip, text.split(","))):
        head, *rest = path.split(".")
        if head not in resource.fields or resource.fields[head].write_only:
            raise BadRequest(gettext("There is no field %(head)r.") % {"head": head})
        place = tree.setdefault(head, {})
        for name in rest:
            place = place.setdefault(name, {})
    needs_all = resource.cycles.has_dehydrate_hooks
    return Projection(tree, None if needs_all else set(tree))


def project(bundle: Bundle, projection: Projection) -> Bundle:
    """Remove what was not requested from the bundle's data."""
    if projection.tree is not None:
        bundle.data = pruned(bundle.data, projection.tree)
    return bundle


def pruned(data: Any, tree: dict[str, Any]) -> Any:
    """Return the parts of the data that the tree names; all of it at a leaf."""
    if not tree:
        return data
    if isinstance(data, Bundle):
        return pruned(data.data, tree)
    if isinstance(data, list):
        return [pruned(each, tree) for each in data]
    if not isinstance(data, dict):
        return data
    return {
        name: pruned(data[name], part) for name, part in tree.items() if name in data
    }
