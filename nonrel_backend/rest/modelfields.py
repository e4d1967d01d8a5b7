"""The public path of what makes a resource's field of a model's field."""

from .fields.models import api_field, field_class, options_of, register_field

__all__ = ["api_field", "field_class", "options_of", "register_field"]
