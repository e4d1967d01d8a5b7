"""ModelCycles: how data is set on an object of a model."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext

from ..bundle import Bundle
from ..exceptions import ApiFieldError, field_errors
from ..resource.cycles import Cycles
from .lookups import limits
from .paths import column, relation

if TYPE_CHECKING:
    from .resource import ModelResource


class ModelCycles(Cycles):
    """The cycles of a ModelResource."""

    resource: "ModelResource"

    @cached_property
    def made_keys(self) -> list[str]:
        """The fields of keys that the database makes, and data may not choose."""
        model = self.resource._meta.object_class
        return [
            name
            for name, field in self.resource.fields.items()
            if field.readonly
            and len(field.steps) == 1
            and isinstance(column(model, field.steps[0]), models.AutoField)
        ]

    def full_hydrate(self, bundle: Bundle) -> Bundle:
        for name in self.made_keys:
            given = bundle.data.get(name)
            if given is None or bundle.sent is not None and name not in bundle.sent:
                continue
            key = getattr(bundle.obj, self.resource.fields[name].steps[0])
            if str(given) != str(key):
                text = gettext("The key of an object cannot be changed.")
                if bundle.obj._state.adding:
                    text = gettext("The database makes this key: leave it out.")
                raise field_errors({name: [text]})
        return super().full_hydrate(bundle)

    def set_value(self, bundle: Bundle, field: Any, value: Any) -> None:
        """Set the new value of a field on the object, cleaned by the model's field."""
        if len(field.steps) == 1 and not field.is_related:
            value = self.cleaned(bundle.obj, field, value)
            setattr(bundle.obj, field.steps[0], value)
            return
        if field.is_related and self.resource.relations.stored_by(field) is not None:
            bundle.related[field.instance_name] = value  # written after the object
            return
        if isinstance(value, Bundle) and value.key is not None:
            bundle.related[field.instance_name] = value
            kind: Any = type(bundle.obj)
            setattr(bundle.obj, column(kind, field.steps[0]).attname, value.key)
            return
        if field.steps and relation(type(bundle.obj), field.steps[0]):
            if not field.is_related:
                return  # a value of a related object is changed through that object
        super().set_value(bundle, field, value)

    def cleaned(self, obj: Any, field: Any, value: Any) -> Any:
        """Return the value cleaned by the model's field, as full_clean() does. Raise
        ApiFieldError if it is invalid.

        Null is a matter of the column alone, and a default is always valid: GET may
        return both.
        """
        kind: Any = type(obj)
        found = column(kind, field.steps[0])
        if found is None:
            return value
        if isinstance(found, models.FileField):
            if isinstance(value, UploadedFile):
                uploads = self.resource.uploads
                return uploads.cleaned(found, field.instance_name, value)
            return value
        if value == "" and not found.empty_strings_allowed:
            value = None
        if value is None:
            if not found.null and not found.primary_key:
                raise ApiFieldError(
                    gettext("The '%(field)s' field doesn't allow a null value.")
                    % {"field": field.instance_name}
                )
            return None
        if not value and found.has_default() and value in list(found.empty_values):
            default = found.get_default()
            if value == default:
                return default
        is_key = found.primary_key or found in obj._meta.pk_fields
        if is_key and isinstance(value, str) and "\x00" in value:
            raise field.wrong(gettext("a text without null characters"))
        if is_key and not obj._state.adding:
            key = getattr(obj, found.attname)
            if found.to_python(value) != key:
                raise ApiFieldError(gettext("The key of an object cannot be changed."))
            return key
        if type(value) is int:
            bounds = limits(found)
            if bounds and bounds[0] <= value <= bounds[1]:
                return value
        try:
            return found.clean(value, obj)
        except ValidationError as error:
            raise ApiFieldError(
                gettext("The '%(field)s' field: %(value)s")
                % {"field": field.instance_name, "value": " ".join(error.messages)}
            ) from error
        except (ValueError, TypeError, ArithmeticError) as error:
            raise field.wrong(gettext("a valid value")) from error
