"""Whether the data is what it must be, beyond its types."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.forms import BaseForm, BaseModelForm, model_to_dict


class Validation:
    """Takes everything; the base of the others."""

    def __init__(self, **kwargs):
        pass

    def is_valid(self, bundle, request=None) -> dict[str, Any]:
        """The errors by field; empty where there are none."""
        return {}


class FormValidation(Validation):
    """The errors of a Django form that is given the data."""

    def __init__(self, **kwargs):
        if "form_class" not in kwargs:
            raise ImproperlyConfigured(
                "You must provide a 'form_class' to FormValidation."
            )
        self.form_class = kwargs.pop("form_class")
        super().__init__(**kwargs)

    def form_args(self, bundle) -> dict[str, Any]:
        """The arguments of the form: what the object has, and the data over it."""
        data = dict(bundle.data)
        arguments: dict[str, Any] = {"data": data}
        obj = bundle.obj
        if issubclass(self.form_class, BaseModelForm) and hasattr(obj, "_meta"):
            if obj.pk is not None:
                arguments["instance"] = obj
                arguments["data"] = model_to_dict(obj) | data
            for name in self.form_class.base_fields:
                # A relation is a URI in the data, and a key in a form.
                key = getattr(obj, f"{name}_id", None)
                if key is not None and name in arguments["data"]:
                    arguments["data"][name] = key
        return arguments

    def is_valid(self, bundle, request=None):
        obj = bundle.obj
        before = dict(vars(obj)) if hasattr(obj, "_meta") else {}
        form = self.form_class(**self.form_args(bundle))
        valid = form.is_valid()
        # A model form writes to its instance, which has its own data already.
        vars(obj).update(before)
        self.cleaned(bundle, form, valid)
        return {} if valid else dict(form.errors)

    def cleaned(self, bundle, form: BaseForm, valid: bool) -> None:
        """Called when the form has looked at the data."""


class CleanedDataFormValidation(FormValidation):
    """A FormValidation whose cleaned data replaces the bundle's."""

    def cleaned(self, bundle, form, valid):
        if valid:
            bundle.data = form.cleaned_data
