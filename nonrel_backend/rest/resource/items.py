"""Items: the objects of a list that is written, and which of them an error is of."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.http import HttpRequest

# The attribute of a request that names the item that is being written.
ITEM = "_nonrel_backend_item"


def each(request: HttpRequest, name: str, items: Sequence[Any]) -> Iterator[Any]:
    """Yield the items of a list. Meanwhile errors of the request are those of an item,
    such as "objects[3]".
    """
    for number, item in enumerate(items):
        setattr(request, ITEM, f"{name}[{number}]")
        yield item
    setattr(request, ITEM, None)


def with_item(request: HttpRequest, errors: Any) -> Any:
    """Return errors that say which item they are of, if they are of one."""
    item = getattr(request, ITEM, None)
    if item is None or not isinstance(errors, dict):
        return errors
    return {**errors, "item": item}
