"""The options of a model's class DynamoMeta."""

from typing import Any


def option(model: Any, name: str, default: Any = None) -> Any:
    """Return an option of a model's DynamoMeta."""
    return getattr(getattr(model, "DynamoMeta", None), name, default)
