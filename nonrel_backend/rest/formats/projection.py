"""?fields=a,b.c: only a part of the data."""

from dataclasses import dataclass, field
from typing import Any

from ..bundle import Bundle
from ..exceptions import BadRequest
from ..resource.endpoint import parameters


@dataclass
class Asked:
    """What is asked for: a tree of names; None for all. `names` limits what is
    dehydrated, None where hooks may need the rest.
    """

    tree: dict[str, Any] | None = None
    names: set[str] | None = field(default=None)


ALL_OF_IT = Asked()


def asked_fields(resource: Any, request: Any, for_list: bool) -> Asked:
    """What ?fields= asks for; BadRequest for a name that is none."""
    text = ",".join(parameters(request).getlist("fields"))
    if not text.strip(",") or "fields" in resource.fields:
        return ALL_OF_IT
    tree: dict[str, Any] = {}
    for path in filter(None, map(str.strip, text.split(","))):
        head, *rest = path.split(".")
        if head not in resource.fields:
            raise BadRequest(f"There is no field {head!r} to show.")
        place = tree.setdefault(head, {})
        for name in rest:
            place = place.setdefault(name, {})
    return Asked(tree, None if resource.has_dehydrate_hooks else set(tree))


def project(bundle: Bundle, asked: Asked) -> Bundle:
    if asked.tree is not None:
        bundle.data = pruned(bundle.data, asked.tree)
    return bundle


def pruned(data: Any, tree: dict[str, Any]) -> Any:
    """The parts of the data that the tree names; all of it where it ends."""
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
