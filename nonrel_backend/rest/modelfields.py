"""The resource's field for a field of a model, of collections and embedded models
too.
"""

from typing import Any

from .fields.base import ApiField
from .fields.models import field_class, options_of, register_field, registered_field

__all__ = ["api_field", "field_class", "options_of", "register_field"]


def api_field(
    model_field: Any, attribute: str, api_field_class: type[ApiField] | None = None
) -> ApiField:
    """Return the resource's field for a model field.

    `attribute` is the object's attribute that it shows. `api_field_class` is the class
    of the field, unless a factory is registered for the model field.
    """
    if model_field.get_internal_type() == "DocumentField":
        # Registers its factories. Imported here so that a project without such fields
        # does not load nonrel_backend.fields.
        from .fields import documents  # noqa: F401
    return registered_field(model_field, attribute, api_field_class)
