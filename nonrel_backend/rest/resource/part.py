"""What the parts of a resource share: each calls the others' methods."""

from typing import TYPE_CHECKING, Any


class Part:
    """The base of all parts."""

    # The options, as ResourceOptions has them.
    _meta: Any
    fields: dict[str, Any]

    if TYPE_CHECKING:  # the other parts' methods

        def __getattr__(self, name: str) -> Any: ...
