"""The OpenAPI document of an Api, of the same tables as its answers."""

from typing import Any


def document(api: Any, request: Any) -> dict[str, Any]:
    raise NotImplementedError


def docs_page(api: Any, request: Any) -> Any:
    raise NotImplementedError
